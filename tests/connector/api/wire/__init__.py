"""How a call travels, against real sockets."""
