"""A run from request to end: preparing, lanes, outages, recovery, how it stands."""
