"""Clients and the call beneath them."""
