"""How fast an active run goes and what it waits for, read from its purchases' rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q

from sync.models import PurchaseSync, Status, SyncRun
from sync.models.purchase.indexes import UNFINISHED_ROW

_LATELY = timedelta(minutes=1)
# Less than this tells nothing of how fast it goes.
_SHORTEST = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Pace:
    """`done` of `total` were worked on. `per_minute` and `remaining` are None as long
    as nothing tells them. `resumes_at` is set while everything left has to wait, and
    `asks` says that it waits to ask CMiC for invoices whose answer was lost."""

    done: int = 0
    total: int = 0
    per_minute: float | None = None
    remaining: timedelta | None = None
    resumes_at: datetime | None = None
    asks: bool = False


def pace_of(run: SyncRun, now: datetime) -> Pace:
    """In one query; an empty one for a run whose purchases are not judged yet."""
    if run.prepared_at is None:
        return Pace()
    elapsed = max(now - run.prepared_at, _SHORTEST)
    lately = min(elapsed, _LATELY)
    # Judging has touched rows before, looking at them without a change never does.
    handled = Q(updated_at__gte=run.prepared_at) & ~UNFINISHED_ROW
    later = UNFINISHED_ROW & Q(not_before__gt=now)
    found = PurchaseSync.objects.filter(run=run).aggregate(
        done=Count("pk", filter=handled),
        lately=Count("pk", filter=handled & Q(updated_at__gte=now - lately)),
        waiting=Count("pk", filter=UNFINISHED_ROW),
        later=Count("pk", filter=later),
        lookups=Count("pk", filter=later & Q(status=Status.POSTING)),
        next=Min("not_before", filter=later),
    )
    waiting = found["waiting"]
    per_minute = found["lately"] / lately.total_seconds() * 60
    all_wait = bool(waiting) and found["later"] == waiting
    return Pace(
        done=found["done"],
        total=found["done"] + waiting,
        per_minute=per_minute or None,
        remaining=timedelta(minutes=waiting / per_minute) if per_minute else None,
        resumes_at=found["next"] if all_wait else None,
        asks=all_wait and found["lookups"] == waiting,
    )
