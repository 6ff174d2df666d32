"""Believable purchases, people and receipts from a seed."""
