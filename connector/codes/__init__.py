"""CMiC's codes: read into the cache, chosen from, and made into PEX tags."""
