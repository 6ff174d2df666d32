"""The Connect tab: tenants, how to reach PEX and CMiC, and what maps to what."""
