"""The time that all processes agree on, and how long a claim by it holds.

A machine's clock may be wrong by a year, and a worker that believed it would hold
leases for ever, take others' away or read the wrong days. So the database's clock
decides, and a process only counts the seconds since it last asked for it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

_ASKED_EVERY = 600.0

_lock = Lock()
# The database's moment, and this process's count of seconds at that moment.
_known: tuple[datetime, float] | None = None


def monotonic() -> float:
    """Seconds that no change of a clock moves, those of a suspended machine included
    where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def now() -> datetime:
    """The database's moment, aware, in UTC; asks it at each new connection, and again
    after ten minutes."""
    known = _known
    if known is None or monotonic() - known[1] > _ASKED_EVERY:
        known = _ask(connection)
    moment, counted = known
    return moment + timedelta(seconds=monotonic() - counted)


def lease_time() -> timedelta:
    """`LEASE_SECONDS`, read at each call: one lease for purchases, runs, previews and
    the reading of codes. A worker may hold so long what it has claimed, or be silent,
    before another may take it over."""
    return timedelta(seconds=settings.LEASE_SECONDS)


def follow_database() -> None:
    """Ask whenever this process connects, so that another database's clock counts as
    soon as that takes over."""
    connection_created.connect(_ask_connected, dispatch_uid="connector.clock")


def _ask_connected(connection: BaseDatabaseWrapper, **options: Any) -> None:
    _ask(connection)


def _ask(connected: Any) -> tuple[datetime, float]:
    global _known
    with connected.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment = cursor.fetchone()[0].astimezone(UTC)
    with _lock:
        _known = (moment, monotonic())
        return _known
