"""Which business days a sync covers (F15). Pure: the moment is an argument.

Days are US Eastern, PEX's clock, and both ends are included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from dateutil.relativedelta import relativedelta

from connector.api.pex.reading import EASTERN

_DEFAULT = relativedelta(months=2)
_FURTHEST = relativedelta(years=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The days from `first` to `last`, both included; empty if `last` is earlier."""

    first: date
    last: date

    @property
    def is_empty(self) -> bool:
        return self.last < self.first

    def to_json(self) -> dict[str, str]:
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}

    def __str__(self) -> str:
        return f"{self.first.isoformat()} to {self.last.isoformat()}"


def business_day(moment: datetime) -> date:
    """The US Eastern day of an aware moment."""
    return moment.astimezone(EASTERN).date()


def resolve_window(
    *, start: date | None, end: date | None, now: datetime, is_automatic: bool
) -> Window:
    """The window of a run that starts at `now`.

    Start: as set, or two months back; an automatic run never goes further back than
    two months, a manual one never further than the same day last year. End: as set,
    or today.
    """
    today = business_day(now)
    two_months_back = today - _DEFAULT
    earliest = two_months_back if is_automatic else today - _FURTHEST
    first = max(start or two_months_back, earliest)
    last = min(end, today) if end else today
    return Window(first, last)
