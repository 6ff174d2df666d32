"""*Sync tags* of a tenant: what would change in PEX is shown, then a POST does it.

Who may execute may do this. PEX is called while the page is made, outside transactions;
what the options become and the records of it are `sync.engine.tags.sync`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse

from connector.admin.page import person, render_page, route, row_page
from connector.api.exceptions import ConnectorError
from connector.connections.probing import BROWSER_SECONDS
from connector.models import CodeRefresh, Tenant
from sync.engine.judging.context import TenantContext
from sync.engine.tags.filters import FilterPlan, pairs_of
from sync.engine.tags.planning import ShownOtherwiseError, shown_of, targets_of
from sync.engine.tags.sync import (
    Look,
    look_at_filters,
    look_at_tags,
    read_lists,
    sync_tags,
)
from sync.engine.tags.words import counts_of, details_of, held_words, words_of
from sync.models import TagSync
from sync.models.tagging import TagSyncActiveError

APPLY, READ, ASK, DISABLE = "apply", "read", "ask", "disable"
_MOST_SHOWN = 50
_MOST_SYNCS = 15
_TITLES = {
    "added": "New",
    "renamed": "Renamed",
    "disabled": "Disabled: closed or gone in CMiC, or left out by the mapping",
    "enabled": "Enabled again",
}
TAG_SYNC_COLOURS = {
    TagSync.State.RUNNING: "info",
    TagSync.State.SUCCEEDED: "success",
    TagSync.State.WAITING: "warning",
    TagSync.State.FAILED: "danger",
}


@dataclass(frozen=True)
class Part:
    """One kind of change: its title and rows of texts; `more` are not shown."""

    title: str
    rows: Sequence[Sequence[str]]
    count: int

    @property
    def total(self) -> str:
        return f"{self.count:,}"

    @property
    def more(self) -> str:
        """Empty where all are shown."""
        return f"{self.count - len(self.rows):,}" if self.count > len(self.rows) else ""


@dataclass(frozen=True)
class Panel:
    """One tag on the page. `seen` stands for the options that wait for a person."""

    look: Look
    parts: Sequence[Part]
    summary: str = ""
    held: Part | None = None
    held_words: str = ""
    seen: str = ""

    @property
    def is_changed(self) -> bool:
        return self.look.difference is not None and self.look.difference.is_changed


def urls(admin: ModelAdmin[Tenant]) -> list[URLPattern]:
    return [route(admin, "<int:object_id>/tags/sync/", sync_tags_page, "sync_tags")]


@row_page("execute", "pex", "cmic", "transactions")
def sync_tags_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    act = request.POST.get("act", "") if request.method == "POST" else ""
    if act not in (APPLY, READ, DISABLE):
        return _page(admin, request, tenant, asked=request.POST.get("field", ""))
    try:
        _do(admin, request, tenant, act)
    except (ConnectorError, TagSyncActiveError, ShownOtherwiseError) as error:
        messages.error(request, str(error))
    url = reverse("admin:connector_tenant_sync_tags", args=[tenant.pk])
    return HttpResponseRedirect(url)


def _do(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant, act: str
) -> None:
    if act == READ:
        for remark in read_lists(TenantContext(tenant)):
            messages.warning(request, remark)
        messages.success(request, "CMiC's lists behind the tags were read.")
        return
    confirmed: dict[str, str] = {}
    if act == DISABLE:
        confirmed = {request.POST.get("field", ""): request.POST.get("seen", "")}
    context = TenantContext(tenant)
    for row in sync_tags(context, user=person(request), disable_all=confirmed):
        _tell(admin, request, tenant, row)


def _tell(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant, row: TagSync
) -> None:
    sentence = f"Tag “{row.tag}”: {row.message}"
    level = {
        TagSync.State.SUCCEEDED: messages.SUCCESS,
        TagSync.State.WAITING: messages.WARNING,
    }.get(TagSync.State(row.state), messages.ERROR)
    messages.add_message(request, level, sentence)
    admin.log_change(request, tenant, f"Synced options. {sentence}")


def _page(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant, *, asked: str
) -> HttpResponse:
    problem, panels = "", []
    filters: list[FilterPlan] = []
    try:
        asking = TenantContext(tenant, seconds=BROWSER_SECONDS)
        panels = [_panel(look) for look in look_at_tags(asking)]
        filters = look_at_filters(asking)
    except ConnectorError as error:
        problem = error.message
    syncs = TagSync.objects.filter(tenant=tenant).select_related("started_by")
    return render_page(
        admin,
        request,
        "admin/sync/tags.html",
        f"Sync tags of {tenant}",
        tenant=tenant,
        panels=panels,
        problem=problem,
        filters=filters,
        is_changed=any(panel.is_changed for panel in panels)
        or any(plan.write is not None for plan in filters),
        asked=next((each for each in panels if _is_of(each, asked)), None),
        read_at=_read_at(tenant),
        syncs=[
            (row, TAG_SYNC_COLOURS[TagSync.State(row.state)], kept_words(row))
            for row in syncs[:_MOST_SYNCS]
        ],
    )


def tags_state(tenant: Tenant) -> dict[str, Any]:
    """What the tenant's page says of its tags."""
    names = {
        str(target.mapping.field): target.mapping.tag for target in targets_of(tenant)
    }
    filtered = {str(pair.child.field) for pair in pairs_of(tenant)}
    rows = [
        row
        for row in TagSync.objects.last_of_each(tenant)
        if row.field in (filtered if row.what == TagSync.What.FILTER else names)
    ]
    return {
        "names": list(names.values()),
        "troubled": [row for row in rows if row.state != TagSync.State.SUCCEEDED],
        "last_at": max((row.ended_at for row in rows if row.ended_at), default=None),
    }


def _panel(look: Look) -> Panel:
    difference = look.difference
    if difference is None:
        return Panel(look, [])
    parts = [
        Part(_TITLES[name], rows, counts_of(difference)[name])
        for name, rows in details_of(difference, _MOST_SHOWN).items()
        if rows
    ]
    held = [[option.value, option.name] for option in difference.held]
    return Panel(
        look,
        parts,
        summary=f"{words_of(difference)} {difference.unchanged:,} stay as they are.",
        held=Part("Would be disabled", held[:_MOST_SHOWN], len(held)) if held else None,
        held_words=held_words(look.target, difference) if held else "",
        seen=shown_of(look.target, difference),
    )


def _is_of(panel: Panel, field: str) -> bool:
    return panel.look.target.mapping.field == field and panel.held is not None


def _read_at(tenant: Tenant) -> Any:
    """When the oldest of the lists was read."""
    targets = targets_of(tenant)
    moments = CodeRefresh.objects.filter(
        tenant=tenant, kind__in=[target.kind for target in targets]
    ).values_list("refreshed_at", flat=True)
    return min(moments, default=None)


def kept_words(row: TagSync) -> list[tuple[str, list[str]]]:
    """What a record tells of its difference, in words."""
    titles = {
        **_TITLES,
        "held": "Waited for a person",
        "refused": "Refused by PEX",
        "left": "Not known to be written",
        "conflicts": "Remarks",
    }
    return [
        (title, [_in_words(each) for each in row.difference[name]])
        for name, title in titles.items()
        if row.difference.get(name)
    ]


def _in_words(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    value, *names = entry
    return f"{value}: {' → '.join(names)}"
