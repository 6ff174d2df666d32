"""What a tenant's page asks for beside its form, and the pages that hang on it."""
