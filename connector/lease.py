"""How long a worker may hold what it has claimed, or be silent, before another may take
it over. The claims themselves are rows of the models."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings


def lease_time() -> timedelta:
    """`LEASE_SECONDS`, read at each call: one lease for purchases, runs, previews and
    the reading of codes."""
    return timedelta(seconds=settings.LEASE_SECONDS)
