"""Codes read, chosen from, and made into tags."""
