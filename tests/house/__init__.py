"""Rules that the code and the documentation keep, whatever they are about."""
