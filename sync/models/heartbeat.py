"""Heartbeat: when the scheduler and the workers were last known to be alive.

Tells nothing of runs: theirs is `SyncRun.heartbeat_at`.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models


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
