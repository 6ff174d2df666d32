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
from sync.money import Currencies

_MOST_CAUSES = 5
# Words of one, of several, and the statuses that they speak of.
_STATES = (
    ("waits to be sent", "wait to be sent", Status.PENDING),
    ("is on its way", "are on their way", Status.POSTING),
    ("waits for its marker", "wait for their markers", Status.POSTED),
    ("is blocked", "are blocked", Status.BLOCKED),
    ("was refused by CMiC", "were refused by CMiC", Status.FAILED),
)


def waiting_of(tenant: Tenant) -> dict[str, Any]:
    """Links with their counts, and the largest causes. A constant number of queries."""
    found = PurchaseSync.objects.filter(tenant=tenant).aggregate(
        **{
            str(status): Count("pk", filter=Q(status=status))
            for _, _, status in _STATES
        }
    )
    url = reverse("admin:sync_purchasesync_changelist")
    parts = []
    for one, several, status in _STATES:
        if count := found[status]:
            query = urlencode({"tenant__id__exact": tenant.pk, "status__exact": status})
            parts.append((count, one if count == 1 else several, f"{url}?{query}"))
    currencies = Currencies()
    top = causes([tenant.pk], 0, _MOST_CAUSES)
    return {"parts": parts, "causes": [cause_row(each, currencies) for each in top]}
