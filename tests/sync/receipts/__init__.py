"""Receipts as one document, and the children that read them."""
