"""A PEX to talk to over HTTP: card purchases, notes, receipts, tags, and trouble."""

from tests.simulators.pex.app import PexSimulator
from tests.simulators.pex.wire import MISSING

__all__ = ["MISSING", "PexSimulator"]
