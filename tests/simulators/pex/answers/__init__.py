"""What PEX answers, endpoint by endpoint, and how it looks on the wire."""
