"""The Connect tab in the admin."""
