"""A CMiC to talk to over HTTP: look-ups, uploads, and the trouble it can make."""

from tests.simulators.cmic.app import CmicSimulator

__all__ = ["CmicSimulator"]
