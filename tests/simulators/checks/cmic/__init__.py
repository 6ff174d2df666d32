"""The simulated CMiC, tested."""
