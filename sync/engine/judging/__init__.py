"""From a tenant's rows to rules and codes, and a window of PEX judged by them."""
