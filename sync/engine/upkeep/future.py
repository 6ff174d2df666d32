"""Moments that lie too far ahead: a wrong clock wrote them, and waiting for them would
stop a lease, a run or a tenant's syncs for as long. They are corrected and logged.

Processes go by the database's clock (`connector.clock`); what is here was written by an
older release, or while the database's own clock was wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from connector.clock import lease_time
from connector.models import (
    CmicConnection,
    CodeRefresh,
    PexConnection,
    RefreshState,
    Tenant,
)
from sync.models import Alert, Preview, PurchaseSync, SyncRun

logger = logging.getLogger(__name__)

# What clocks may differ by.
_SLACK = timedelta(minutes=1)
_DAY = timedelta(days=1)
_LONGEST_WAIT = timedelta(hours=2)


def correct_moments(now: datetime) -> int:
    """How many were corrected; one statement for each kind of moment."""
    corrected = 0
    for rows, column, furthest, values in _kinds(now):
        late = rows.filter(**{f"{column}__gt": now + furthest + _SLACK})
        if count := late.update(**values):
            name = rows.model._meta.verbose_name
            logger.warning(
                "%s moments “%s” of %s lay too far ahead and were corrected",
                count,
                column,
                name,
            )
            corrected += count
    return corrected


def _kinds(
    now: datetime,
) -> Iterator[tuple[QuerySet[Any], str, timedelta, dict[str, Any]]]:
    """Rows, their column, how far ahead it may lie, and what is put instead."""
    at_once = timedelta()
    free = {"claimed_by": None, "claimed_until": None}
    waiting = PurchaseSync.objects.unfinished()
    yield waiting, "claimed_until", lease_time(), free
    longest = _DAY + timedelta(seconds=max(settings.LOST_ANSWER_DELAYS))
    yield waiting, "not_before", longest, {"not_before": None}
    yield waiting, "judged_at", at_once, {"judged_at": None}
    active = SyncRun.objects.active()
    # Silent, so that it is taken up.
    yield active, "heartbeat_at", at_once, {"heartbeat_at": None}
    yield active, "resume_at", _LONGEST_WAIT, {"resume_at": now}
    yield active, "created_at", at_once, {"created_at": now}
    yield active, "paused_at", at_once, {"paused_at": now}
    yield active, "judged_at", at_once, {"judged_at": None}
    tenants = Tenant.objects.all()
    yield tenants, "next_auto_sync_at", _DAY, {"next_auto_sync_at": None}
    states = RefreshState.objects.all()
    yield states, "claimed_until", lease_time(), free
    yield states, "refreshed_at", at_once, {"refreshed_at": None}
    yield states, "requested_at", at_once, {"requested_at": now}
    yield states, "ended_at", at_once, {"ended_at": now}
    # As good as never, but not unknown: until they are read anew they may serve.
    old = {"refreshed_at": now - _DAY}
    yield CodeRefresh.objects.all(), "refreshed_at", at_once, old
    pex, cmic = PexConnection.objects.all(), CmicConnection.objects.all()
    yield pex, "checked_at", at_once, {"checked_at": None}
    yield cmic, "checked_at", at_once, {"checked_at": None}
    yield pex, "cardholders_read_at", at_once, {"cardholders_read_at": None}
    previews = Preview.objects.active()
    yield previews, "created_at", at_once, {"created_at": now}
    yield previews, "heartbeat_at", at_once, {"heartbeat_at": now - _DAY}
    unsent = Alert.objects.filter(sent_at=None)
    yield unsent, "not_before", _DAY, {"not_before": now}
    yield unsent, "claimed_until", _LONGEST_WAIT, {"claimed_until": None}
