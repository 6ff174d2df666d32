"""Tests of the CMiC client."""
