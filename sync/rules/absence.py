"""Why no sync looks at a purchase: its day is not among those read, or PEX's list lacks
it. Pure; which purchases that is true of is asked of the database.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sync.rules.reasons import Reason, ReasonCode, Who
from sync.rules.window import Window

# Stands in a sentence for the purchase's day, which the database writes there.
DAY = "{day}"
ABSENCES = (ReasonCode.OUTSIDE_WINDOW, ReasonCode.GONE_FROM_PEX)
# What a skipped purchase waits for in PEX, unless it is not to be sent at all: of one
# that is gone these would promise what cannot come.
AWAITED = (ReasonCode.PENDING, ReasonCode.NOT_APPROVED, ReasonCode.NO_ATTACHMENT)
GONE = Reason(
    ReasonCode.GONE_FROM_PEX,
    f"PEX lists this purchase of {DAY} no longer, so no sync looks at it. It was "
    "cancelled in PEX, or stands there under another transaction id.",
    Who.PEX_ADMIN,
)


def gone_on(day: date | None) -> Reason:
    """The reason of a purchase of that day."""
    return _on(GONE, day)


def _on(reason: Reason, day: date | None) -> Reason:
    text = day.isoformat() if day is not None else "unknown"
    return replace(reason, message=reason.message.replace(DAY, text))


def outside(window: Window, day: date | None) -> Reason:
    """The reason of a purchase of that day, which a sync of `window` does not read."""
    return _on(outside_on_a_day(window), day)


def outside_on_a_day(window: Window) -> Reason:
    """As `outside`, with `DAY` where its day is to stand."""
    return Reason(
        ReasonCode.OUTSIDE_WINDOW,
        f"The day of this purchase, {DAY}, is not among the days that the last sync "
        f"read ({window}), so no sync looks at it. Set a start and end date that take "
        "it in, and press “Execute”.",
        Who.SUPPORT,
    )
