"""What beat keeps in order: codes that are due, rows that are too old."""
