"""How long a PEX token still lives, and what people are told of it (F1).

Reads the row only. Renewing is `connector.connections.probing`; where the words stand
is left to pages, commands and tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import formats, timezone

from connector.models import PexConnection

# Days before the end at which a warning grows louder.
STAGES = (1, 7, 14, 30)
_LOUD = 7


@dataclass(frozen=True, slots=True)
class TokenWarning:
    """The stage reached, in days (0: the token is dead), and a sentence."""

    stage: int
    sentence: str

    @property
    def is_loud(self) -> bool:
        return self.stage <= _LOUD


def token_warning(connection: PexConnection, now: datetime) -> TokenWarning | None:
    """None while the token lives longer than the first stage, or there is none."""
    expires_at = connection.token_expires_at
    if expires_at is None or connection.is_disconnected:
        return None
    left = expires_at - now
    if left <= timedelta():
        return TokenWarning(
            0,
            f"The PEX token ended on {_day(expires_at)}: nothing is synced until a new "
            "one is entered under Manage credentials.",
        )
    stage = next((days for days in STAGES if left <= timedelta(days=days)), None)
    if stage is None:
        return None
    ends = f"The PEX token ends on {_day(expires_at)}, {_in_days(left)}."
    if not connection.check_message:
        return TokenWarning(stage, f"{ends} It is renewed by itself, tried every day.")
    return TokenWarning(
        stage,
        f"{ends} {connection.check_message} This is tried again every day; if it stays "
        "so, enter a new token under Manage credentials.",
    )


def days_left(left: timedelta) -> str:
    """ "1 day", "12 days"; what is less than a day is "less than a day"."""
    if left.days == 0:
        return "less than a day"
    return "1 day" if left.days == 1 else f"{left.days} days"


def _in_days(left: timedelta) -> str:
    return f"in {days_left(left)}"


def _day(moment: datetime) -> str:
    return formats.date_format(timezone.localtime(moment), "DATE_FORMAT")
