"""The button *Preview* on a tenant's page: who may execute may preview.

Nothing here sends anything; previews are looked at in `sync.admin.previews`.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action

from connector import clock
from connector.admin.page import person, render_page, row_page
from connector.models import Tenant
from sync.admin.days import days
from sync.engine.preview.previews import request_preview
from sync.engine.run.requesting import RunRefusedError, window_for
from sync.models import Preview, SyncRun
from sync.tasks import preview_on_commit


@action(
    description="Preview",
    url_path="preview",
    permissions=["execute"],
    icon="visibility",
)
@row_page("execute")
def preview(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    if request.method == "POST":
        return _ask_for(admin, request, tenant)
    missing = tenant.missing_settings()
    covered = (
        "" if missing else days(window_for(tenant, SyncRun.Trigger.MANUAL, clock.now()))
    )
    return render_page(
        admin,
        request,
        "admin/sync/preview_ask.html",
        f"Preview of {tenant}",
        original=tenant,
        tenant=tenant,
        active=_active(tenant),
        missing=missing,
        days=covered,
        back_url=_page(tenant),
    )


def _ask_for(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    asked: Preview | None
    try:
        with transaction.atomic():
            asked = request_preview(tenant, person(request))
            admin.log_change(request, tenant, f"Asked for preview {asked.pk}.")
            preview_on_commit(asked.pk)
    except RunRefusedError as error:
        messages.error(request, error.message)
        asked = _active(tenant)
    if asked is None:
        return HttpResponseRedirect(_page(tenant))
    return HttpResponseRedirect(reverse("admin:sync_preview_change", args=[asked.pk]))


def _active(tenant: Tenant) -> Preview | None:
    return Preview.objects.active().filter(tenant=tenant).first()


def _page(tenant: Tenant) -> str:
    return reverse("admin:connector_tenant_change", args=[tenant.pk])
