"""The indexes and constraints of a run's row."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

CONSTRAINTS = [
    models.UniqueConstraint(
        fields=["tenant"],
        condition=Q(status__in=("queued", "running")),
        name="run_one_active_a_tenant",
    ),
    models.CheckConstraint(
        condition=Q(
            status__in=(
                "queued",
                "running",
                "succeeded",
                "partial",
                "failed",
                "stopped",
            )
        ),
        name="run_status_known",
    ),
]
INDEXES = [
    models.Index(
        fields=["heartbeat_at"],
        condition=Q(status__in=("queued", "running")),
        name="run_active",
    ),
    models.Index(fields=["tenant", "-created_at"], name="run_of_tenant"),
    models.Index(fields=["tenant", "-id"], name="run_newest_of_tenant"),
    models.Index(fields=["status", "-id"], name="run_by_status"),
    models.Index(fields=["created_at"], name="run_by_day"),
    models.Index(fields=["ended_at"], include=["tenant", "counts"], name="run_by_end"),
]
