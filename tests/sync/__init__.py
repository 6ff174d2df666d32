"""Tests of the Sync tab."""
