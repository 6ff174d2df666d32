"""What beat keeps in order: codes that are due, tokens, rows that are too old."""
