"""What is read from PEX, and how it is judged."""
