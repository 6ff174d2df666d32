"""How one call travels: where it may go, the connection, the bytes and their bounds."""
