"""The Sync tab in the admin."""
