"""Purchases in the admin: the list, the page with its story, and the verbs."""
