"""CMiC's codes on a tenant's page: how old they are, how far a reading is, the button.

Asks for a reading and shows `RefreshState`; no call to CMiC is made here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db import transaction
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.loader import render_to_string
from django.urls import URLPattern, reverse
from django.utils.timesince import timesince

from connector import clock
from connector.admin.page import post_only, route, row_page
from connector.admin.steps import TITLES
from connector.api.cmic.types import CodeKind
from connector.models import CodeRefresh, RefreshState, Tenant
from sync.tasks import refresh_on_commit

_IS_ASKED_FOR = "CMiC's codes are read by the next free worker."


def urls(admin: ModelAdmin[Tenant]) -> list[URLPattern]:
    page = "<int:object_id>/codes/"
    return [
        route(admin, f"{page}refresh/", refresh_page, "refresh_codes"),
        route(admin, f"{page}progress/", progress_page, "codes_progress"),
        route(admin, f"{page}believe/", believe_page, "believe_codes"),
    ]


@row_page("change")
@post_only
def refresh_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    with transaction.atomic():
        is_new = _ask_for(tenant)
        if is_new:
            admin.log_change(request, tenant, "Asked for CMiC's codes to be read.")
    if is_new:
        messages.success(request, _IS_ASKED_FOR)
    else:
        messages.info(request, "CMiC's codes are being read already.")
    return _back(request, tenant)


@row_page("change")
@post_only
def believe_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    """A list that became short is complete, says the person: the rest is gone."""
    kind, count = request.POST.get("kind", ""), request.POST.get("count", "")
    doubted = {each.kind: each for each in CodeRefresh.objects.doubted(tenant)}
    short = doubted.get(kind)
    done, title = False, "code"
    if short is not None and count == str(short.short_count):
        title = CodeKind(short.kind).label
        with transaction.atomic():
            done = short.believe(int(count))
            if done:
                codes = "1 code" if count == "1" else f"{int(count):,} codes"
                was = f"{codes}, before {short.count:,}"
                message = f"Confirmed that CMiC's {title} list is complete: {was}."
                admin.log_change(request, tenant, message)
    if done:
        messages.success(
            request,
            f"CMiC's {title} list counts as complete, and what it lacks is closed.",
        )
    else:
        messages.warning(
            request,
            f"Nothing was changed: CMiC's {title} list was read again or confirmed by "
            "somebody else meanwhile. Look at what it has now.",
        )
    return _back(request, tenant)


def _back(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    url = reverse("admin:connector_tenant_change", args=[tenant.pk])
    tab = request.POST.get("tab", "")
    return HttpResponseRedirect(f"{url}#{tab}" if tab in TITLES else url)


@row_page("view", "transactions")
def progress_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    return JsonResponse(progress_json(tenant))


def read_if_unread(request: HttpRequest, tenant: Tenant) -> None:
    """A company that was never read is read now: the mappings are next."""
    if _is_unread(tenant) and _ask_for(tenant):
        messages.info(request, _IS_ASKED_FOR)


def _ask_for(tenant: Tenant) -> bool:
    """False if they are being read already."""
    is_new = RefreshState.objects.request(tenant, clock.now())
    if is_new:
        refresh_on_commit(tenant.pk)
    return is_new


def progress_json(tenant: Tenant) -> dict[str, Any]:
    """What the page asks for while codes are read: figures, and the panel with them."""
    codes = codes_of(tenant)
    return {
        **{name: codes[name] for name in ("is_active", "kind", "rows", "last_count")},
        "html": render_to_string("admin/sync/codes_panel.html", {"codes": codes}),
    }


def codes_of(tenant: Tenant) -> dict[str, Any]:
    """How old each list is, and which is being read just now."""
    lists = CodeRefresh.objects.filter(
        tenant=tenant, company__in=("", tenant.company_code)
    ).order_by("refreshed_at")
    state = RefreshState.objects.filter(tenant=tenant).first() or RefreshState()
    is_read = state.is_active(clock.now())
    last = {each.kind: each.count for each in lists}.get(state.kind)
    oldest = min((each.refreshed_at for each in lists), default=None)
    return {
        "state": state,
        "is_active": is_read or state.requested_at is not None,
        "kind": state.kind if is_read else "",
        "rows": state.rows if is_read else 0,
        "last_count": last if is_read else None,
        "doing": _doing(state, last) if is_read else "",
        "lists": [
            (each.get_kind_display(), f"{each.count:,}", each.refreshed_at)
            for each in lists
        ],
        "doubted": [
            (each.kind, CodeKind(each.kind).label, each.short_count, each.count)
            for each in CodeRefresh.objects.doubted(tenant)
        ],
        "oldest": oldest,
        "age": _age(oldest) if oldest else "",
    }


def _age(moment: datetime) -> str:
    if clock.now() - moment < timedelta(minutes=1):
        return "just now"
    return f"{timesince(moment, clock.now())} ago"


def _doing(state: RefreshState, last: int | None) -> str:
    if not state.kind:
        return "CMiC's codes are being read."
    before = f" (there were {last:,} the last time)" if last else ""
    return (
        f"CMiC's codes are being read: {state.get_kind_display()}, "
        f"{state.rows:,} so far{before}."
    )


def _is_unread(tenant: Tenant) -> bool:
    """Whether CMiC could be asked for the jobs of its company, and never was."""
    cmic, company = tenant.cmic_or_none, tenant.company_code
    if cmic is None or cmic.missing_settings() or not company:
        return False
    read = CodeRefresh.objects.filter(tenant=tenant, kind=CodeKind.JOB)
    return not read.filter(company=company).exists()
