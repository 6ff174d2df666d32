"""A PEX to talk to over HTTP: card purchases, notes, receipts, tags, and trouble."""

from tests.simulators.pex.answers.wire import MISSING
from tests.simulators.pex.app import PexSimulator

__all__ = ["MISSING", "PexSimulator"]
