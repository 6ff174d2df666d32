"""How long a judgement holds, and what is raised once it does not."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from connector import clock


class JudgementOutdatedError(Exception):
    """What it was judged by is too old, or the settings are others by now."""


def judged_since() -> datetime:
    """What PEX was asked for before this moment is too old to be sent."""
    return clock.now() - timedelta(seconds=settings.JUDGEMENT_GOOD_FOR)
