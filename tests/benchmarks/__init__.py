"""Benchmarks: `make bench` runs them all against the simulators."""
