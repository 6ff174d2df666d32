"""Simulators of the two APIs, written from their documents and blind to our code."""
