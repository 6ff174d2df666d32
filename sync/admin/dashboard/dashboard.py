"""The admin's first page (F28): what is well, what needs somebody, what comes next.

Reads open purchases, 30 days, and one row a tenant; never the history. What it costs
is in docs/decisions/012-causes-and-dashboard.md.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from connector import clock
from connector.admin.moments import minute
from connector.api.redis_causes import trouble_with
from connector.models import Tenant
from sync.admin.causes import cause_row, visible_ids
from sync.admin.dashboard.chart import chart_of
from sync.admin.tenant.tenant_states import STATES, states_of
from sync.admin.wording import PURCHASE_COLOURS, first_reason
from sync.causes import causes
from sync.models import Heartbeat, PurchaseSync, Status
from sync.models.purchase.indexes import OPEN
from sync.money import Currencies, money

ROWS = 8
LATE = timedelta(minutes=3)


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of the first page; each part only for who may see its rows."""
    user = request.user
    ids = visible_ids(request)
    if user.has_perm("connector.view_tenant"):
        tenants = Tenant.objects.visible_to(user)
        context |= {
            "shows_tenants": True,
            "states": _states(tenants),
            "parts": [*_redis(), *_parts(clock.now())],
            "next_runs": _next_runs(tenants),
        }
    if user.has_perm("sync.view_purchasesync"):
        found = causes(ids, 0, ROWS)
        longest = _longest(PurchaseSync.objects.visible_to(user))
        currencies = Currencies(
            [each.tenant.pk for each in found] + [each.tenant_id for each in longest]
        )
        context |= {
            "shows_purchases": True,
            "causes": [cause_row(each, currencies) for each in found],
            "longest": [_waiting(each, currencies) for each in longest],
            "chart": chart_of(ids),
        }
    return context


def _states(tenants: QuerySet[Tenant]) -> list[dict[str, Any]]:
    counts = Counter(states_of(tenants).values())
    url = reverse("admin:connector_tenant_changelist")
    return [
        {
            "words": words,
            "colour": colour,
            "icon": icon,
            "count": counts[key],
            "url": f"{url}?state={key}",
        }
        for key, (words, colour, icon) in STATES.items()
        if counts
    ]


def _next_runs(tenants: QuerySet[Tenant]) -> list[dict[str, Any]]:
    due = tenants.filter(auto_sync=True, next_auto_sync_at__isnull=False)
    rows = due.order_by("next_auto_sync_at").values_list(
        "pk", "name", "next_auto_sync_at"
    )
    return [
        {
            "tenant": name,
            "url": reverse("admin:connector_tenant_change", args=[pk]),
            "at": minute(at) if at else "",
        }
        for pk, name, at in rows[:ROWS]
    ]


def _redis() -> list[dict[str, Any]]:
    """What keeps this process from Redis, if anything: that of the workers may differ,
    but they share its address."""
    trouble = trouble_with(settings.REDIS_URL)
    if not trouble:
        return []
    return [
        {
            "is_ok": False,
            "words": f"{trouble} Nothing is synced until Redis can be used again.",
        }
    ]


def _parts(now: datetime) -> list[dict[str, Any]]:
    """Whether workers and scheduler are alive, from what they wrote."""
    beats = dict(Heartbeat.objects.values_list("part", "at"))
    workers = beats.get(Heartbeat.Part.WORKERS)
    scheduler = beats.get(Heartbeat.Part.SCHEDULER)
    # While no worker answers, nothing is known of the scheduler either.
    parts = [("Workers", "worker", workers)]
    if workers is not None and now - workers <= LATE:
        parts.append(("Scheduler", "beat", scheduler))
    return [_part(name, process, at, now) for name, process, at in parts]


def _part(
    name: str, process: str, at: datetime | None, now: datetime
) -> dict[str, Any]:
    if at is not None and now - at <= LATE:
        return {"is_ok": True, "words": f"{name} alive, last seen {minute(at)}."}
    since = "yet"
    if at is not None:
        minutes = int((now - at).total_seconds() // 60)
        since = f"for {minutes} minutes, since {minute(at)}"
    nobody = "No worker has answered" if process == "worker" else "No scheduler has run"
    return {
        "is_ok": False,
        "words": f"{nobody} {since}. Start the process “{process}” of the Procfile; "
        "until then nothing is synced by itself.",
    }


def _longest(purchases: QuerySet[PurchaseSync]) -> list[PurchaseSync]:
    waiting = purchases.filter(OPEN, occurred_at__isnull=False)
    return list(
        waiting.select_related("tenant")
        .defer("facts", "lines")
        .order_by("occurred_at")[:ROWS]
    )


def _waiting(purchase: PurchaseSync, currencies: Currencies) -> dict[str, Any]:
    return {
        "url": reverse("admin:sync_purchasesync_change", args=[purchase.pk]),
        "words": purchase.merchant or str(purchase),
        "tenant": str(purchase.tenant),
        "amount": money(purchase.amount, currencies.of(purchase)),
        "since": minute(purchase.occurred_at) if purchase.occurred_at else "",
        "colour": PURCHASE_COLOURS[Status(purchase.status)],
        "status": purchase.get_status_display(),
        "reason": first_reason(purchase.reasons),
    }
