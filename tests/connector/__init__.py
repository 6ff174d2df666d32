"""Tests of the Connect tab."""
