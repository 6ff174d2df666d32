"""Auto-sync of one tenant, switched on and off by a POST from the Sync tab (F14).

Which tenants are due is `sync.engine.run.recovery`; here is only the switch, a
setting of the tenant for those who may change it.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern

from connector.admin.page import post_only, route, row_page
from connector.admin.steps import SYNC, tab_url
from connector.models import Tenant


def urls(admin: ModelAdmin[Tenant]) -> list[URLPattern]:
    return [route(admin, "<int:object_id>/auto-sync/", auto_sync_page, "auto_sync")]


@row_page("change")
@post_only
def auto_sync_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    is_on = request.POST.get("auto_sync") == "on"
    missing = tenant.missing_settings() if is_on else []
    if missing:
        messages.error(
            request,
            f"Auto-sync of {tenant} was not switched on. {' '.join(missing)}",
        )
    else:
        _switch(admin, request, tenant, is_on)
    return HttpResponseRedirect(tab_url(tenant, SYNC))


def _switch(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant, is_on: bool
) -> None:
    word = "on" if is_on else "off"
    with transaction.atomic():
        if tenant.auto_sync != is_on:
            tenant.auto_sync = is_on
            tenant.save(update_fields=["auto_sync", "updated_at"])
            admin.log_change(request, tenant, f"Switched auto-sync {word}.")
    messages.success(request, f"Auto-sync of {tenant} is {word}.")
