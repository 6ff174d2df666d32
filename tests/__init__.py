"""Tests mirror the packages; the simulated PEX and CMiC live in `simulators`."""
