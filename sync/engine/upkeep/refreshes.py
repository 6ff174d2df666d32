"""Which tenants' codes are to be read now: what beat asks each minute (F5).

Reading them is `connector.codes.reading`. Everything here may happen twice at once: a
request is a guarded UPDATE, and a message that is sent twice finds the codes being
read.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from connector import clock
from connector.codes.reading import GOOD_FOR
from connector.models import RefreshState, Tenant
from sync.engine.steps import MESSAGE_LOST_AFTER
from sync.models import SyncRun

_FAILED_TRIED_AGAIN_AFTER = timedelta(hours=1)
_IN_USE_SINCE = timedelta(days=7)
# A night's worth of tenants does not come due at once: each then keeps its own time.
_MOST_A_MINUTE = 2


def due_refreshes() -> list[int]:
    """Tenants to send a message for: requests not met, and codes older than a day."""
    now = clock.now()
    return _unmet(now) + _request_oldest(now)


def _unmet(now: datetime) -> list[int]:
    """Their message was lost, or the worker that took it has died."""
    waiting = RefreshState.objects.free(now).filter(
        requested_at__lte=now - MESSAGE_LOST_AFTER
    )
    return list(waiting.values_list("tenant_id", flat=True))


def _request_oldest(now: datetime) -> list[int]:
    due = (
        _in_use(now)
        .exclude(transactions__company_code="")
        .filter(Q(refresh_state=None) | _is_due(now))
    )
    order = F("refresh_state__refreshed_at").asc(nulls_first=True)
    oldest = due.order_by(order, "pk")[:_MOST_A_MINUTE]
    return [tenant.pk for tenant in oldest if RefreshState.objects.request(tenant, now)]


def _in_use(now: datetime) -> QuerySet[Tenant]:
    """Synced by themselves, or lately by a person."""
    recent = SyncRun.objects.filter(
        tenant=OuterRef("pk"), created_at__gt=now - _IN_USE_SINCE
    )
    return Tenant.objects.filter(
        Q(auto_sync=True) | Exists(recent),
        cmic__isnull=False,
        transactions__isnull=False,
    )


def _is_due(now: datetime) -> Q:
    is_old = (
        Q(refresh_state__refreshed_at=None)
        | Q(refresh_state__refreshed_at__lte=now - GOOD_FOR)
        | ~Q(refresh_state__company=F("transactions__company_code"))
    )
    is_free = Q(refresh_state__claimed_until=None) | Q(
        refresh_state__claimed_until__lte=now
    )
    failed_lately = Q(
        refresh_state__is_ok=False,
        refresh_state__ended_at__gt=now - _FAILED_TRIED_AGAIN_AFTER,
    )
    return Q(refresh_state__requested_at=None) & is_old & is_free & ~failed_lately
