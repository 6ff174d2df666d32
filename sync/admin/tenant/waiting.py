"""What of a tenant waits and why, for its Sync tab: counts and the largest causes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q
from django.urls import reverse

from connector.models import Tenant
from sync.admin.causes import cause_row
from sync.causes import causes
from sync.models import PurchaseSync, Status
from sync.models.purchase.indexes import OPEN
from sync.money import Currencies
from sync.rules.reasons import ReasonCode

_MOST_CAUSES = 5
# Words of one, of several, and the statuses that they speak of.
_STATES = (
    ("waits to be sent", "wait to be sent", Status.PENDING),
    ("is on its way", "are on their way", Status.POSTING),
    ("waits for its marker", "wait for their markers", Status.POSTED),
    ("is blocked", "are blocked", Status.BLOCKED),
    ("was refused by CMiC", "were refused by CMiC", Status.FAILED),
)
# The same of the reasons why no sync looks at some of these.
_ABSENCES = (
    (
        "of them is of a day that no sync reads",
        "of them are of days that no sync reads",
        ReasonCode.OUTSIDE_WINDOW,
    ),
    (
        "of them is no longer listed by PEX",
        "of them are no longer listed by PEX",
        ReasonCode.GONE_FROM_PEX,
    ),
)


def waiting_of(tenant: Tenant) -> dict[str, Any]:
    """Links with their counts, and the largest causes. A constant number of queries."""
    rows = PurchaseSync.objects.filter(tenant=tenant)
    found = rows.aggregate(
        **{
            str(status): Count("pk", filter=Q(status=status))
            for _, _, status in _STATES
        }
    ) | rows.filter(OPEN).aggregate(
        **{
            str(code): Count("pk", filter=Q(reasons__contains=[{"code": code}]))
            for _, _, code in _ABSENCES
        }
    )
    url = reverse("admin:sync_purchasesync_changelist")
    parts = []
    for (one, several, key), name in [
        *((state, "status__exact") for state in _STATES),
        *((absence, "reason") for absence in _ABSENCES),
    ]:
        if count := found[key]:
            query = urlencode({"tenant__id__exact": tenant.pk, name: key})
            parts.append((count, one if count == 1 else several, f"{url}?{query}"))
    currencies = Currencies()
    top = causes([tenant.pk], 0, _MOST_CAUSES)
    return {"parts": parts, "causes": [cause_row(each, currencies) for each in top]}
