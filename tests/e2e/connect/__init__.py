"""Setting a tenant up, in a browser."""
