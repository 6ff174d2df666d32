"""A tenant's settings as JSON, in and out, and from one tenant to another."""
