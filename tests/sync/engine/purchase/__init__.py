"""One purchase on its way, and what waits for a person."""
