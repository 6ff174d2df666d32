"""Servers of a test's own, over plain sockets and TLS."""
