"""The database's clock as this process knows it, put to another moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch

from connector import clock


@contextmanager
def database_clock(moment: datetime, *, ticks: bool = True) -> Iterator[None]:
    """`connector.clock` begins at that moment, and goes on or stands still."""
    count = time.monotonic if ticks else lambda: 0.0
    with (
        patch.object(clock, "monotonic", count),
        patch.object(clock, "_known", (moment, count())),
    ):
        yield
