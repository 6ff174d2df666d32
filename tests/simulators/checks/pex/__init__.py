"""The simulated PEX, tested."""
