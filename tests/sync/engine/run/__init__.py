"""Whole runs, and what goes wrong in them."""
