"""The CMiC API: one client and the types it speaks in. Knows nothing of Django."""
