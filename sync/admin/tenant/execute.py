"""Execute in the admin (F13): a page that says which days are covered, then a POST.

Starts runs and records who did; no call to PEX or CMiC is made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin import action as list_action
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action
from unfold.enums import ActionVariant

from connector import clock
from connector.admin.page import person, render_page, row_page
from connector.connections.token_life import token_warning
from connector.models import Tenant
from sync.engine.run.requesting import RunRefusedError, request_run, window_for
from sync.models import SyncRun
from sync.rules.window import Window
from sync.tasks import send_on_commit


@dataclass(frozen=True)
class Plan:
    """What Execute would do for one tenant: cover days, or be refused and why."""

    tenant: Tenant
    window: Window | None
    missing: Sequence[str] = ()
    active: SyncRun | None = None

    @property
    def can_run(self) -> bool:
        return not self.missing and self.active is None


@list_action(permissions=["execute"], description="Execute: sync now")
def execute_selected(
    admin: ModelAdmin[Tenant], request: HttpRequest, rows: QuerySet[Tenant]
) -> HttpResponse:
    tenants = list(_whole(rows))
    if "confirmed" in request.POST:
        return _execute(admin, request, tenants)
    return _confirmation(admin, request, _plan(tenants), is_action=True)


# Only opens the confirmation page: what it starts is started by that page's POST.
@action(
    description="Execute",
    url_path="execute",
    permissions=["execute"],
    icon="play_arrow",
    variant=ActionVariant.PRIMARY,
)
@row_page("execute")
def execute_one(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    tenants = list(_whole(Tenant.objects.filter(pk=tenant.pk)))
    if request.method == "POST":
        return _execute(admin, request, tenants)
    return _confirmation(admin, request, _plan(tenants), is_action=False)


def _whole(tenants: QuerySet[Tenant]) -> QuerySet[Tenant]:
    """With all that a run needs to be complete, in a few queries for any number."""
    return tenants.select_related("pex", "cmic", "transactions").prefetch_related(
        "mappings"
    )


def _plan(tenants: Iterable[Tenant]) -> list[Plan]:
    """`tenants` come with their parts and mappings already read."""
    tenants = list(tenants)
    running = {
        run.tenant_id: run
        for run in SyncRun.objects.active().filter(tenant__in=tenants)
    }
    now = clock.now()
    return [_plan_one(tenant, running.get(tenant.pk), now) for tenant in tenants]


def _plan_one(tenant: Tenant, active: SyncRun | None, now: datetime) -> Plan:
    missing = tenant.missing_settings()
    has_settings = tenant.transactions_or_none is not None
    window = window_for(tenant, SyncRun.Trigger.MANUAL, now) if has_settings else None
    return Plan(tenant, window, missing, active)


def _confirmation(
    admin: ModelAdmin[Tenant],
    request: HttpRequest,
    plans: Sequence[Plan],
    *,
    is_action: bool,
) -> HttpResponse:
    """The page that says what will happen; its form posts back to where it is."""
    return render_page(
        admin,
        request,
        "admin/sync/execute.html",
        "Execute",
        plans=plans,
        can_run=any(each.can_run for each in plans),
        is_action=is_action,
        action_checkbox_name=ACTION_CHECKBOX_NAME,
        back_url=_back_url(plans, is_action=is_action),
    )


def _execute(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenants: Sequence[Tenant]
) -> HttpResponse:
    """Start a run for each tenant; go to the run, or to the list of several."""
    runs = []
    for tenant in tenants:
        try:
            runs.append(_start(admin, request, tenant))
        except RunRefusedError as error:
            messages.error(request, _refusal(error))
        else:
            _warn_of_token(request, tenant)
    for run in runs:
        messages.success(
            request,
            format_html(
                '<a class="connector-link" href="{}">Run {}</a> of {} was started for '
                "{} to {}.",
                _run_url(run),
                run.pk,
                run.tenant,
                run.window_from,
                run.window_to,
            ),
        )
    if len(tenants) == 1 and runs:
        return HttpResponseRedirect(_run_url(runs[0]))
    if runs:
        return HttpResponseRedirect(reverse("admin:sync_syncrun_changelist"))
    if len(tenants) == 1:
        return HttpResponseRedirect(
            reverse("admin:connector_tenant_change", args=[tenants[0].pk])
        )
    return HttpResponseRedirect(reverse("admin:connector_tenant_changelist"))


def _start(admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant) -> SyncRun:
    with transaction.atomic():
        run, step = request_run(tenant, SyncRun.Trigger.MANUAL, user=person(request))
        admin.log_change(
            request,
            tenant,
            f"Executed: run {run.pk} for {run.window_from} to {run.window_to}.",
        )
        send_on_commit(step)
    return run


def _warn_of_token(request: HttpRequest, tenant: Tenant) -> None:
    """Whoever starts a run is the one who can still do something about it."""
    if warning := token_warning(tenant.pex, clock.now()):
        messages.warning(request, f"{tenant}: {warning.sentence}")


def _refusal(error: RunRefusedError) -> str:
    if error.active is None:
        return error.message
    return format_html(
        '{} <a class="connector-link" href="{}">Look at run {}</a>.',
        error.message,
        _run_url(error.active),
        error.active.pk,
    )


def _run_url(run: SyncRun) -> str:
    return reverse("admin:sync_syncrun_change", args=[run.pk])


def _back_url(plans: Sequence[Plan], *, is_action: bool) -> str:
    if is_action:
        return reverse("admin:connector_tenant_changelist")
    return reverse("admin:connector_tenant_change", args=[plans[0].tenant.pk])
