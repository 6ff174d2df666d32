"""Heartbeat: when the scheduler and the workers were last known to be alive.

Tells nothing of runs: theirs is `SyncRun.heartbeat_at`.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F
from django.db.models.functions import Greatest

# The newest heartbeats that this process has written, by run: its number and when it
# was made, because an older database gives numbers again.
_newest: dict[tuple[int, datetime], datetime] = {}
_MOST_RUNS = 1000


class Heartbeat(models.Model):
    """One row each for the scheduler and for the workers together."""

    class Part(models.TextChoices):
        SCHEDULER = "scheduler"
        WORKERS = "workers"

    part = models.CharField(max_length=10, choices=Part, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.part} at {self.at}"

    @classmethod
    def beat(cls, part: Heartbeat.Part, now: datetime) -> None:
        """Keep that the part is alive now."""
        cls.objects.update_or_create(part=part, defaults={"at": now})


def newest_beat(run: tuple[int, datetime], *others: datetime | None) -> datetime | None:
    """The newest of the others and of what this process knows of the run: its lanes
    together remember more than a database that is replaced by an older one."""
    known = [each for each in (_newest.get(run), *others) if each is not None]
    return max(known, default=None)


def remember_beat(run: tuple[int, datetime], beat: datetime) -> None:
    if len(_newest) >= _MOST_RUNS:
        _newest.clear()
    _newest[run] = max(beat, _newest.get(run, beat))


def forget_beats(run: tuple[int, datetime]) -> None:
    """The run is begun anew from what the database says."""
    _newest.pop(run, None)


def not_earlier(now: datetime) -> Greatest:
    """`now`, or a little later where another process has written that: a heartbeat
    goes back only with the whole database."""
    return Greatest(F("heartbeat_at"), now)
