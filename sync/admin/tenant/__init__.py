"""What runs add to a tenant's page: Execute, auto-sync, codes, tags, what waits."""
