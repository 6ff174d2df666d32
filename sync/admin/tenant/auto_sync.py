"""Auto-sync of one tenant, switched on and off by a POST from the Sync tab (F14).

Which tenants are due is `sync.engine.run.recovery`; here is only the switch.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import URLPattern, path

from connector.admin.steps import SYNC, tab_url
from connector.models import Tenant


class AutoSyncPart:
    """The switch. It is a setting of the tenant, for those who may change it."""

    def get_urls(self: Any) -> list[URLPattern]:
        return [
            path(
                "<int:tenant_id>/auto-sync/",
                self.admin_site.admin_view(self.auto_sync_view),
                name="connector_tenant_auto_sync",
            ),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def auto_sync_view(self: Any, request: HttpRequest, tenant_id: int) -> HttpResponse:
        tenant = self.changeable_tenant(request, tenant_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        is_on = request.POST.get("auto_sync") == "on"
        missing = tenant.missing_settings() if is_on else []
        if missing:
            messages.error(
                request,
                f"Auto-sync of {tenant} was not switched on. {' '.join(missing)}",
            )
        else:
            self._switch(request, tenant, is_on)
        return HttpResponseRedirect(tab_url(tenant, SYNC))

    def _switch(self: Any, request: HttpRequest, tenant: Tenant, is_on: bool) -> None:
        word = "on" if is_on else "off"
        with transaction.atomic():
            if tenant.auto_sync != is_on:
                tenant.auto_sync = is_on
                tenant.save(update_fields=["auto_sync", "updated_at"])
                self.log_change(request, tenant, f"Switched auto-sync {word}.")
        messages.success(request, f"Auto-sync of {tenant} is {word}.")
