"""In which state each tenant is: for the dashboard's numbers and the list behind them.

One place for both, so that a link leads to exactly those that were counted.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from connector.models import Tenant
from sync.models import PurchaseSync, SyncRun
from sync.models.purchase.indexes import OPEN

# Key: (words, colour, icon), the most urgent first.
STATES = {
    "failing": ("Failing", "danger", "error"),
    "attention": ("Needs attention", "warning", "warning"),
    "not_connected": ("Not connected", "default", "link_off"),
    "never_run": ("Never run", "info", "schedule"),
    "healthy": ("Healthy", "success", "check_circle"),
}


def states_of(tenants: QuerySet[Tenant]) -> dict[int, str]:
    """The state of each of these tenants by its id, in one query."""
    last = SyncRun.objects.filter(tenant=OuterRef("pk"), ended_at__isnull=False)
    rows = (
        tenants.order_by()
        .annotate(
            last_status=Subquery(last.order_by("-created_at").values("status")[:1]),
            has_open=Exists(PurchaseSync.objects.filter(OPEN, tenant=OuterRef("pk"))),
        )
        .values_list(
            "pk",
            "pex__is_ok",
            "pex__is_disconnected",
            "cmic__is_ok",
            "cmic__is_disconnected",
            "last_status",
            "has_open",
        )
    )
    return {row[0]: _state(*row[1:]) for row in rows}


def _state(
    pex_ok: bool | None,
    pex_off: bool | None,
    cmic_ok: bool | None,
    cmic_off: bool | None,
    last: str | None,
    has_open: bool,
) -> str:
    # None where there is no connection at all.
    if pex_off is not False or cmic_off is not False:
        return "not_connected"
    if pex_ok is False or cmic_ok is False or last == SyncRun.State.FAILED:
        return "failing"
    if has_open:
        return "attention"
    return "never_run" if last is None else "healthy"


class StateFilter(DropdownFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, words) for key, (words, _, _) in STATES.items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Tenant]
    ) -> QuerySet[Tenant]:
        wanted = self.value()
        if not wanted:
            return queryset
        states = states_of(Tenant.objects.visible_to(request.user))
        return queryset.filter(pk__in=[pk for pk in states if states[pk] == wanted])
