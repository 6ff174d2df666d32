"""States, leases, decisions and the indexes beneath them."""
