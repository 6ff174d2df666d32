"""Removing what is older than AUDIT_RETENTION_DAYS from the audit list.

The trigger lets go of rows from before the moment in `audit.remove_before`, which is
set for the transaction only. Each batch is a transaction of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from audit.models import Entry

BATCH = 1000


def prune(now: datetime) -> int:
    """How many rows were removed."""
    before = now - timedelta(days=settings.AUDIT_RETENTION_DAYS)
    old = Entry.objects.filter(at__lt=before).order_by("at")
    removed = 0
    while True:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('audit.remove_before', %s, true)",
                    [before.isoformat()],
                )
            locked = old.select_for_update(skip_locked=True)
            ids = list(locked.values_list("pk", flat=True)[:BATCH])
            Entry.objects.filter(pk__in=ids).delete()
        removed += len(ids)
        if len(ids) < BATCH:
            return removed
