"""Tests of the PEX client."""
