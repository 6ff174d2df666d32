"""Tenants as JSON and from tenant to tenant."""
