"""Credentials, live checks and the life of a token."""
