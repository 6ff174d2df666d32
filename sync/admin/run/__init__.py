"""Runs in the admin: the list, the page, progress, what changed since the last one."""
