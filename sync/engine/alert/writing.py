"""Writing alerts into the outbox (F27): who gets one, and what is new since the last.

A daily one compares with what was mailed before; dead credentials get one at once.
Sending is `sync.engine.alert.mailing`. A second writer of the same occasion writes
nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from connector.contacts import addresses_in
from connector.models import PexConnection, Tenant
from sync.engine.alert.troubles import (
    RECEIPTS,
    Trouble,
    credentials_refused,
    token_troubles,
    troubles_of,
)
from sync.models import SyncRun
from sync.models.alert import Alert

logger = logging.getLogger(__name__)

_FIRST_HOUR = 7
_RECENT = timedelta(days=1)


def write_daily_alerts(now: datetime) -> None:
    """For each tenant something new or solved, from seven in the morning on.

    Whatever is wrong with one tenant costs no other its alert.
    """
    local = timezone.localtime(now)
    if local.hour < _FIRST_HOUR:
        return
    day = local.date().isoformat()
    told = Alert.objects.filter(occasion=day).values("tenant")
    for tenant in Tenant.objects.exclude(pk__in=told).select_related("pex"):
        try:
            _write_daily(tenant, day, now)
        except Exception:
            logger.exception("The alert of %s could not be written", tenant.slug)


def write_urgent_alerts(now: datetime) -> None:
    """For tokens that ended and for runs whose credentials were refused."""
    dead = PexConnection.objects.filter(
        token_expires_at__lte=now, is_disconnected=False
    ).select_related("tenant")
    for connection in dead:
        ended = connection.token_expires_at
        troubles = token_troubles(connection.tenant, now)
        _write(connection.tenant, Alert.Kind.URGENT, f"token:{ended}", troubles, now)
    refused = SyncRun.objects.filter(
        status=SyncRun.State.FAILED,
        reason=SyncRun.Reason.CREDENTIALS_REFUSED,
        ended_at__gt=now - _RECENT,
    )
    for run in refused.select_related("tenant__pex", "tenant__cmic"):
        write_refused(run.tenant, run.message, now)


def write_refused(tenant: Tenant, message: str, now: datetime) -> None:
    """At once, and once until somebody changes the credentials."""
    parts = (tenant.pex_or_none, tenant.cmic_or_none)
    changed = [str(part.credentials_changed_at) for part in parts if part]
    occasion = f"refused:{' '.join(changed)}"[:100]
    _write(tenant, Alert.Kind.URGENT, occasion, [credentials_refused(message)], now)


def _write_daily(tenant: Tenant, day: str, now: datetime) -> None:
    before, troubles = _mailed(tenant), troubles_of(tenant, now)
    states = [(_state(trouble, before), trouble) for trouble in troubles]
    gone = before.keys() - {trouble.key for trouble in troubles}
    solved = [
        _trouble(before[key]) for key in sorted(gone) if not key.startswith(RECEIPTS)
    ]
    if not solved and all(state == "still" for state, _ in states):
        return
    _write(tenant, Alert.Kind.DAILY, day, troubles, now, solved=solved, before=before)


def _mailed(tenant: Tenant) -> dict[str, Any]:
    """What was told in mails that left, and not yet told to be solved, by key."""
    sent = Alert.objects.filter(tenant=tenant).exclude(sent_at=None)
    last = sent.filter(kind=Alert.Kind.DAILY).order_by("-created_at").first()
    told = sent.filter(created_at__gte=last.created_at) if last else sent
    return {
        trouble["key"]: trouble
        for alert in told.order_by("created_at", "pk")
        for trouble in alert.causes
        if trouble["state"] != "solved"
    }


def _state(trouble: Trouble, before: dict[str, Any]) -> str:
    known = before.get(trouble.key)
    return "new" if known is None or trouble.count > known["count"] else "still"


def _trouble(kept: dict[str, Any]) -> Trouble:
    return Trouble(**{key: value for key, value in kept.items() if key != "state"})


def _write(
    tenant: Tenant,
    kind: Alert.Kind,
    occasion: str,
    troubles: Iterable[Trouble],
    now: datetime,
    *,
    solved: Iterable[Trouble] = (),
    before: dict[str, Any] | None = None,
) -> None:
    """Into the outbox. One of an earlier day that never left is replaced by it."""
    recipients = list(
        dict.fromkeys(
            [*addresses_in(tenant.alert_contacts), *settings.ALERT_SUPPORT_ADDRESSES]
        )
    )
    if not recipients:
        return
    told = [
        *({**asdict(each), "state": _state(each, before or {})} for each in troubles),
        *({**asdict(each), "state": "solved"} for each in solved),
    ]
    alert = Alert(
        tenant=tenant,
        kind=kind,
        occasion=occasion,
        recipients=recipients,
        subject=_subject(tenant, kind, told),
        causes=told,
        created_at=now,
        not_before=now,
    )
    waiting = Q(claimed_until=None) | Q(claimed_until__lte=now)
    with transaction.atomic():
        if kind == Alert.Kind.DAILY:
            Alert.objects.filter(
                waiting, tenant=tenant, kind=kind, sent_at=None
            ).exclude(occasion=occasion).delete()
        Alert.objects.bulk_create([alert], ignore_conflicts=True)


def _subject(tenant: Tenant, kind: Alert.Kind, told: list[dict[str, Any]]) -> str:
    """One line, whatever the tenant is called."""
    name = " ".join(tenant.name.split())[:120]
    if kind == Alert.Kind.URGENT:
        return f"{name}: {told[0]['title']}"
    counts = (
        (sum(each["state"] == state for each in told), state)
        for state in ("new", "still", "solved")
    )
    return f"{name}: " + ", ".join(f"{n} {state}" for n, state in counts if n)
