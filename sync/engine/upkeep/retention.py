"""Removing what is older than RETENTION_DAYS: runs with outcomes, attempts, alerts,
tag syncs; and previews after 30 days.

Purchases and decisions stay for ever, and so does each run that a purchase still names
and the last of each tenant and tag. Each batch is a transaction of its own: who dies
leaves less to remove, and two at once skip each other's rows.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from sync.models import (
    Preview,
    PurchaseSync,
    RunOutcome,
    SyncAttempt,
    SyncRun,
    TagSync,
)
from sync.models.alert import Alert
from sync.models.states import UNFINISHED

BATCH = 1000
_PREVIEWS_KEPT = timedelta(days=30)
_SAME_TAG = ("tenant", "field", "what", "tag_id", "kind", "company")


def prune(now: datetime) -> dict[str, int]:
    """How many of each were removed."""
    before = now - timedelta(days=settings.RETENTION_DAYS)
    newer = SyncRun.objects.filter(
        tenant=OuterRef("tenant"), created_at__gt=OuterRef("created_at")
    )
    old = SyncRun.objects.filter(Exists(newer), ended_at__lt=before).exclude(
        status__in=SyncRun.ACTIVE
    )
    unused = old.exclude(
        Exists(PurchaseSync.objects.filter(run=OuterRef("pk")))
    ).exclude(Exists(RunOutcome.objects.filter(run=OuterRef("pk"))))
    newer_alert = Alert.objects.filter(
        tenant=OuterRef("tenant"),
        kind=Alert.Kind.DAILY,
        sent_at__gt=OuterRef("sent_at"),
    )
    # The last of each list that was put into a tag tells whose its options are.
    newer_tag_sync = TagSync.objects.filter(
        **{name: OuterRef(name) for name in _SAME_TAG}, pk__gt=OuterRef("pk")
    ).exclude(state__in=(TagSync.State.RUNNING, TagSync.State.FAILED))
    # What is on its way needs to know what was tried, however long ago.
    attempts = SyncAttempt.objects.filter(started_at__lt=before).exclude(
        purchase__status__in=UNFINISHED
    )
    return {
        "attempts": _remove(attempts),
        "outcomes": _remove(RunOutcome.objects.filter(run__in=old.values("pk"))),
        "runs": _remove(unused),
        "alerts": _remove(
            Alert.objects.filter(Exists(newer_alert), sent_at__lt=before)
        ),
        "previews": _remove(Preview.objects.filter(ended_at__lt=now - _PREVIEWS_KEPT)),
        "tag syncs": _remove(
            TagSync.objects.filter(Exists(newer_tag_sync), ended_at__lt=before)
        ),
    }


def _remove(rows: QuerySet[Any]) -> int:
    removed = 0
    while True:
        with transaction.atomic():
            locked = rows.order_by("pk").select_for_update(
                skip_locked=True, of=("self",)
            )
            ids = list(locked.values_list("pk", flat=True)[:BATCH])
            rows.model._default_manager.filter(pk__in=ids).delete()
        removed += len(ids)
        if len(ids) < BATCH:
            return removed
