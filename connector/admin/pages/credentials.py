"""The credentials pages of a tenant (F1-F4, F10): one for PEX, one for CMiC.

Asks live before anything is replaced, and shows what was found; trying and storing are
`connector.connections.credentials`. No call is made inside a transaction.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from connector.admin.connection_words import (
    changed_sentence,
    cmic_found,
    module_label,
    pex_found,
)
from connector.admin.forms.credentials import (
    CmicCredentialsForm,
    CredentialsForm,
    PexCredentialsForm,
)
from connector.admin.pages.live import after_cmic_was_saved, tell_refused_values
from connector.admin.steps import CONNECT, tab_url
from connector.connections.credentials import (
    AnyConnection,
    ChangedMeanwhileError,
    Finding,
    check_stored,
    disconnect,
    examine,
    replace,
)
from connector.connections.token_life import token_warning
from connector.models import CmicConnection, PexConnection, Tenant


@dataclass(frozen=True)
class Side:
    """One of the two systems: its name to people, its row and its form."""

    name: str
    model: type[PexConnection] | type[CmicConnection]
    form: type[CredentialsForm]


SIDES = {
    "pex": Side("PEX", PexConnection, PexCredentialsForm),
    "cmic": Side("CMiC", CmicConnection, CmicCredentialsForm),
}
_guarded = method_decorator(
    [
        never_cache,
        sensitive_post_parameters("token", "password", "oauth_client_secret"),
    ]
)


class CredentialsPart:
    """What the tenant's admin has for credentials; the cards link to its pages."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:tenant_id>/credentials/<str:key>/",
                view(self.credentials_view),
                name="connector_tenant_credentials",
            ),
            path(
                "<int:tenant_id>/check/",
                view(self.check_view),
                name="connector_tenant_check",
            ),
            path(
                "<int:tenant_id>/credentials/<str:key>/disconnect/",
                view(self.disconnect_view),
                name="connector_tenant_disconnect",
            ),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def has_credentials_permission(self: Any, request: HttpRequest, side: Side) -> bool:
        """Whoever may change both the tenant and this connection."""
        allowed: bool = self.has_change_permission(request) and request.user.has_perm(
            f"connector.change_{side.model._meta.model_name}"
        )
        return allowed

    @_guarded
    def credentials_view(
        self: Any, request: HttpRequest, tenant_id: int, key: str
    ) -> HttpResponse:
        began = time.monotonic()
        side, tenant = self._side_and_tenant(request, tenant_id, key)
        row = _row(side, tenant)
        form = side.form(
            request.POST if request.method == "POST" else None,
            instance=_row(side, tenant),
            retype=request.POST.getlist("retype"),
        )
        context: dict[str, Any] = {"form": form, "seen": _moment(row)}
        if request.method == "POST":
            context["seen"] = request.POST.get("seen", "")
            if form.is_valid():
                finding = examine(form.instance)
                is_insisting = "insist" in request.POST
                if finding.is_ok or is_insisting:
                    try:
                        self._replace(request, tenant, side, form, finding, began)
                    except ChangedMeanwhileError as error:
                        row = error.row
                        context |= {"meanwhile": True, "seen": _moment(row)}
                    else:
                        return self._lead_on(request, tenant)  # type: ignore[no-any-return]
                else:
                    context["finding"] = finding
                    context["modules"] = [
                        (state, *module_label(state)) for state in finding.modules
                    ]
            context["retype"] = form.entered() or form.retype
            form.ask_again(context["retype"])
            context["may_insist"] = "finding" in context or (
                "insist" in request.POST and bool(form.errors)
            )
        answer: HttpResponse = self._page(request, tenant, side, row, "manage", context)
        return answer

    def disconnect_view(
        self: Any, request: HttpRequest, tenant_id: int, key: str
    ) -> HttpResponse:
        side, tenant = self._side_and_tenant(request, tenant_id, key)
        row = _row(side, tenant)
        if row.pk is None:
            raise Http404
        if request.method == "POST":
            with transaction.atomic():
                disconnect(row)
                self.log_change(request, tenant, f"Disconnected {side.name}.")
            messages.success(
                request,
                f"{side.name} is disconnected: its secrets are deleted. Nothing is "
                "synced until it is connected again, and auto-sync is off.",
            )
            return HttpResponseRedirect(tab_url(tenant, CONNECT))
        answer: HttpResponse = self._page(request, tenant, side, row, "disconnect", {})
        return answer

    def check_view(self: Any, request: HttpRequest, tenant_id: int) -> HttpResponse:
        """Both sides with what is stored; whoever may execute may ask."""
        tenant = self.changeable_tenant(request, tenant_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        findings = check_stored(tenant)
        if not findings:
            messages.info(request, "Neither side is connected, so nobody was asked.")
        for key, finding in findings.items():
            _tell_found(request, SIDES[key], _row(SIDES[key], tenant), finding)
        return HttpResponseRedirect(tab_url(tenant, CONNECT))

    def _lead_on(self: Any, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        """A new tenant is led to what is missing next."""
        if Tenant.objects.get(pk=tenant.pk).missing_settings():
            next_page: HttpResponse = self.to_next_tab(request, tenant)
            return next_page
        return HttpResponseRedirect(tab_url(tenant, CONNECT))

    def _side_and_tenant(
        self: Any, request: HttpRequest, tenant_id: int, key: str
    ) -> tuple[Side, Tenant]:
        if key not in SIDES:
            raise Http404
        side = SIDES[key]
        if not self.has_credentials_permission(request, side):
            raise PermissionDenied
        return side, self.get_object(request, str(tenant_id))

    def _replace(
        self: Any,
        request: HttpRequest,
        tenant: Tenant,
        side: Side,
        form: CredentialsForm,
        finding: Finding,
        began: float,
    ) -> None:
        seen = parse_datetime(request.POST.get("seen", ""))
        with transaction.atomic():
            replace(form.instance, list(form.fields), finding, seen)
            if not finding.is_ok:
                said = f"Stored the {side.name} credentials although they were refused."
                self.log_change(request, tenant, said)
        _tell(request, side, form.instance, finding)
        if side.model is CmicConnection and finding.is_ok:
            after_cmic_was_saved(request, tenant.pk, began)
        tell_refused_values(request, tenant.pk)

    def _page(
        self: Any,
        request: HttpRequest,
        tenant: Tenant,
        side: Side,
        row: AnyConnection,
        page: str,
        context: dict[str, Any],
    ) -> HttpResponse:
        titles = {"manage": f"{side.name} credentials", "disconnect": "Disconnect"}
        return TemplateResponse(
            request,
            f"admin/connector/credentials/{page}.html",
            {
                **self.admin_site.each_context(request),
                "title": f"{titles[page]} of {tenant}",
                "opts": self.opts,
                "original": tenant,
                "tenant": tenant,
                "side": side,
                "row": row,
                "changed": changed_sentence(row),
                "back_url": tab_url(tenant, CONNECT),
                "form_url": _url("credentials", tenant, side),
                "disconnect_url": _url("disconnect", tenant, side),
                **context,
            },
        )


def _row(side: Side, tenant: Tenant) -> AnyConnection:
    row = side.model._default_manager.filter(tenant=tenant).first()
    return row or side.model(tenant=tenant)


def _tell(
    request: HttpRequest, side: Side, connection: AnyConnection, finding: Finding
) -> None:
    if not finding.is_ok:
        messages.warning(
            request,
            f"{side.name}: saved, although they do not work: {finding.message}",
        )
    else:
        _tell_found(request, side, connection, finding)


def _tell_found(
    request: HttpRequest, side: Side, connection: AnyConnection, finding: Finding
) -> None:
    if not finding.is_ok:
        messages.error(request, f"{side.name}: {finding.message}")
    elif isinstance(connection, PexConnection):
        messages.success(request, f"PEX: {pex_found(finding.columns)}")
        if warning := token_warning(connection, timezone.now()):
            messages.warning(request, warning.sentence)
    else:
        messages.success(request, f"CMiC: {cmic_found(finding.modules)}")
    if finding.tags_message:
        messages.warning(request, f"PEX: {finding.tags_message}")


def _moment(row: AnyConnection) -> str:
    changed = row.credentials_changed_at
    return changed.isoformat() if changed else ""


def _url(view: str, tenant: Tenant, side: Side) -> str:
    return reverse(
        f"admin:connector_tenant_{view}", args=[tenant.pk, side.model.SYSTEM]
    )
