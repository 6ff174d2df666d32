"""A tenant's two connections: clients made of them, tried, replaced and kept alive."""
