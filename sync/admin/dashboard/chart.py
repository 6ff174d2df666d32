"""The dashboard's chart: what was completed a day, and what stood blocked or failed.

Completed purchases are counted on the day when they were. Blocked and failed ones are
those that each tenant's last run of a day ended with, so that two runs of one day do
not count a purchase twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection

from connector import clock
from connector.api.pex.reading import EASTERN

DAYS = 30
SERIES = ("completed", "blocked", "failed")
_HIGH, _STEP, _WIDE = 100, 10, 7

# Counting between two moments reads the index alone; grouping by a computed day would
# compute it for every purchase.
_COMPLETED = """
SELECT day, (SELECT count(*) FROM sync_purchasesync
    WHERE completed_at >= first AND completed_at < next
        AND (%(all)s OR tenant_id = ANY(%(tenants)s)))
FROM unnest(%(days)s::date[], %(firsts)s::timestamptz[], %(nexts)s::timestamptz[])
    AS wanted(day, first, next)
"""
_HELD = """
SELECT day, sum((counts->>'blocked')::int), sum((counts->>'failed')::int) FROM (
    SELECT DISTINCT ON (tenant_id, day) tenant_id, counts,
        (ended_at AT TIME ZONE %(zone)s)::date AS day
    FROM sync_syncrun
    WHERE ended_at >= %(since)s AND (%(all)s OR tenant_id = ANY(%(tenants)s))
    ORDER BY tenant_id, day, ended_at DESC
) last GROUP BY 1
"""


@dataclass(frozen=True)
class Chart:
    """`days` are (day, numbers of SERIES); bars are in units of `width` by 100."""

    days: Sequence[tuple[date, Sequence[int]]]
    bars: Sequence[dict[str, object]]
    top: int
    width: int = DAYS * _STEP

    @property
    def is_empty(self) -> bool:
        return not self.top


def chart_of(tenants: Sequence[int] | None) -> Chart:
    """Of these tenants, or of all, over the last 30 business days. Two queries."""
    today = clock.now().astimezone(EASTERN).date()
    days = [today - timedelta(days=DAYS - 1 - back) for back in range(DAYS)]
    values: dict[str, Any] = {
        "zone": str(EASTERN),
        "since": _start(days[0]),
        "days": days,
        "firsts": [_start(day) for day in days],
        "nexts": [_start(day + timedelta(days=1)) for day in days],
        "all": tenants is None,
        "tenants": list(tenants or ()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COMPLETED, values)
        completed = dict(cursor.fetchall())
        cursor.execute(_HELD, values)
        held = {day: (blocked or 0, failed or 0) for day, blocked, failed in cursor}
    numbers = [(day, (completed.get(day, 0), *held.get(day, (0, 0)))) for day in days]
    top = max(sum(each) for _, each in numbers)
    return Chart(numbers, _bars([each for _, each in numbers], top), top)


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, EASTERN)


def _bars(numbers: Sequence[Sequence[int]], top: int) -> list[dict[str, object]]:
    bars: list[dict[str, object]] = []
    for place, values in enumerate(numbers):
        y = float(_HIGH)
        for name, value in zip(SERIES, values, strict=True):
            high = _HIGH * value / top if top else 0.0
            y -= high
            if value:
                bars.append(
                    {
                        "x": place * _STEP,
                        "y": f"{y:.2f}",
                        "high": f"{high:.2f}",
                        "wide": _WIDE,
                        "name": name,
                    }
                )
    return bars
