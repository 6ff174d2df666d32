"""The two APIs: clients, wire types, and all that one call needs. No Django."""
