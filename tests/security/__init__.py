"""Attacks on the running product, each by whoever could try it."""
