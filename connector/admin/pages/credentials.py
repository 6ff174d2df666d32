"""The credentials pages of a tenant (F1-F4, F10): one for PEX, one for CMiC.

Asks live before anything is replaced, and shows what was found; trying and storing are
`connector.connections.credentials`. No call is made inside a transaction.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.dateparse import parse_datetime
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from connector import clock
from connector.admin.connection_words import (
    changed_sentence,
    cmic_found,
    module_label,
    pex_found,
)
from connector.admin.forms.credentials import (
    BusinessNameForm,
    CmicCredentialsForm,
    CredentialsForm,
    PexCredentialsForm,
)
from connector.admin.page import post_only, render_page, route, row_page
from connector.admin.pages.live import after_cmic_was_saved, tell_refused_values
from connector.admin.steps import CONNECT, tab_url, to_next_tab
from connector.admin.visible import find_row
from connector.connections.business import OtherBusinessError, sister_warning
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
from connector.models.business import Business


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
_secret = method_decorator(
    sensitive_post_parameters("token", "password", "oauth_client_secret")
)


def urls(admin: ModelAdmin[Tenant]) -> list[URLPattern]:
    page = "<int:object_id>/credentials/<str:key>/"
    return [
        route(admin, page, credentials_page, "credentials"),
        route(admin, f"{page}disconnect/", disconnect_page, "disconnect"),
        route(admin, "<int:object_id>/check/", check_page, "check"),
    ]


def may_manage(admin: ModelAdmin[Tenant], request: HttpRequest, key: str) -> bool:
    """Whoever may change both the tenant and this connection."""
    return admin.has_change_permission(request) and request.user.has_perm(
        f"connector.change_{SIDES[key].model._meta.model_name}"
    )


@_secret
def credentials_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, object_id: int, key: str
) -> HttpResponse:
    row = _connection(admin, request, object_id, key)
    if request.method == "POST":
        return _enter(admin, request, row)
    form = SIDES[key].form(instance=row)
    return _show(admin, request, row, "manage", form=form, seen=_moment(row))


def disconnect_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, object_id: int, key: str
) -> HttpResponse:
    row = _connection(admin, request, object_id, key)
    if row.pk is None:
        raise Http404
    if request.method != "POST":
        return _show(admin, request, row, "disconnect")
    name = SIDES[key].name
    with transaction.atomic():
        disconnect(row)
        admin.log_change(request, row.tenant, f"Disconnected {name}.")
    messages.success(
        request,
        f"{name} is disconnected: its secrets are deleted. Nothing is "
        "synced until it is connected again, and auto-sync is off.",
    )
    return HttpResponseRedirect(tab_url(row.tenant, CONNECT))


@row_page("change")
@post_only
def check_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    """Both sides are asked with what is stored."""
    findings = check_stored(tenant)
    if not findings:
        messages.info(request, "Neither side is connected, so nobody was asked.")
    for key, finding in findings.items():
        _tell_found(request, _row(SIDES[key], tenant), finding)
    return HttpResponseRedirect(tab_url(tenant, CONNECT))


def _connection(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant_id: int, key: str
) -> AnyConnection:
    """The tenant's row of this side, stored or not yet, for who may manage it.

    Raises `Http404` and `PermissionDenied`.
    """
    if key not in SIDES:
        raise Http404
    if not may_manage(admin, request, key):
        raise PermissionDenied
    return _row(SIDES[key], find_row(request, Tenant, tenant_id))


def _enter(
    admin: ModelAdmin[Tenant], request: HttpRequest, row: AnyConnection
) -> HttpResponse:
    """Stores what was entered if it works, or if the person insists on it; a token of
    another business only if the person names that."""
    began = time.monotonic()
    side = SIDES[row.SYSTEM]
    is_insisting = "insist" in request.POST
    seen = request.POST.get("seen", "")
    form = side.form(
        request.POST,
        # A row of its own, because the page shows what is stored.
        instance=_row(side, row.tenant),
        retype=request.POST.getlist("retype"),
    )
    ask_again = partial(_ask_again, admin, request, form)
    if not form.is_valid():
        return ask_again(row, seen=seen, may_insist=is_insisting)
    finding = examine(form.instance)
    if not finding.is_ok and not is_insisting:
        modules = [(state, *module_label(state)) for state in finding.modules]
        return ask_again(
            row, seen=seen, may_insist=True, finding=finding, modules=modules
        )
    try:
        confirmed = _confirmed(request, finding)
        _replace(admin, request, form, finding, parse_datetime(seen), confirmed)
    except ChangedMeanwhileError as error:
        return ask_again(error.row, seen=_moment(error.row), meanwhile=True)
    except OtherBusinessError as error:
        return ask_again(row, seen=seen, **_other(request, error))
    _tell(request, form.instance, finding)
    if side.model is CmicConnection and finding.is_ok:
        after_cmic_was_saved(request, row.tenant_id, began)
    tell_refused_values(request, row.tenant_id)
    return _lead_on(request, row.tenant)


def _replace(
    admin: ModelAdmin[Tenant],
    request: HttpRequest,
    form: CredentialsForm,
    finding: Finding,
    seen: datetime | None,
    confirmed: Business | None,
) -> None:
    """Raises `ChangedMeanwhileError` and `OtherBusinessError`."""
    row: AnyConnection = form.instance
    with transaction.atomic():
        replace(row, list(form.fields), finding, seen, confirmed)
        if confirmed is not None:
            sentence = f"Confirmed that the PEX business is {confirmed} from now on."
            admin.log_change(request, row.tenant, sentence)
        if not finding.is_ok:
            name = SIDES[row.SYSTEM].name
            sentence = f"Stored the {name} credentials although they were refused."
            admin.log_change(request, row.tenant, sentence)


def _confirmed(request: HttpRequest, finding: Finding) -> Business | None:
    """The token's business, if that is the one that the page asked about and the person
    has typed its name."""
    found = finding.business
    if found is None or request.POST.get("business") != str(found.number):
        return None
    typed = " ".join(request.POST.get("business_name", "").split())
    is_named = typed.casefold() == " ".join(found.title.split()).casefold()
    return found if is_named else None


def _other(request: HttpRequest, error: OtherBusinessError) -> dict[str, Any]:
    """What the page says of a token of another business."""
    known, found = error.known, error.found
    if found is None:
        return {"other": error}
    return {
        "other": error,
        "known_words": known.words_beside(found),
        "found_words": found.words_beside(known),
        "is_misnamed": bool(request.POST.get("business_name", "").strip()),
        "name_form": BusinessNameForm(found.title),
    }


def _lead_on(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    """A new tenant is led to what is missing next."""
    if Tenant.objects.get(pk=tenant.pk).missing_settings():
        return to_next_tab(request, tenant)
    return HttpResponseRedirect(tab_url(tenant, CONNECT))


def _ask_again(
    admin: ModelAdmin[Tenant],
    request: HttpRequest,
    form: CredentialsForm,
    row: AnyConnection,
    **context: Any,
) -> HttpResponse:
    retype = form.entered() or form.retype
    form.ask_again(retype)
    return _show(admin, request, row, "manage", form=form, retype=retype, **context)


def _show(
    admin: ModelAdmin[Tenant],
    request: HttpRequest,
    row: AnyConnection,
    page: str,
    **context: Any,
) -> HttpResponse:
    tenant, side = row.tenant, SIDES[row.SYSTEM]
    titles = {"manage": f"{side.name} credentials", "disconnect": "Disconnect"}
    return render_page(
        admin,
        request,
        f"admin/connector/credentials/{page}.html",
        f"{titles[page]} of {tenant}",
        original=tenant,
        tenant=tenant,
        side=side,
        row=row,
        changed=changed_sentence(row),
        back_url=tab_url(tenant, CONNECT),
        form_url=_url("credentials", row),
        disconnect_url=_url("disconnect", row),
        **context,
    )


def _row(side: Side, tenant: Tenant) -> AnyConnection:
    row = side.model._default_manager.filter(tenant=tenant).first()
    row = row or side.model(tenant=tenant)
    row.tenant = tenant
    return row


def _tell(request: HttpRequest, row: AnyConnection, finding: Finding) -> None:
    if finding.is_ok:
        _tell_found(request, row, finding)
        return
    name = SIDES[row.SYSTEM].name
    messages.warning(
        request, f"{name}: saved, although they do not work: {finding.message}"
    )


def _tell_found(request: HttpRequest, row: AnyConnection, finding: Finding) -> None:
    if not finding.is_ok:
        messages.error(request, f"{SIDES[row.SYSTEM].name}: {finding.message}")
    elif isinstance(row, PexConnection):
        messages.success(request, f"PEX: {pex_found(finding.columns)}")
        if warning := token_warning(row, clock.now()):
            messages.warning(request, warning.sentence)
        if sisters := sister_warning(row.tenant, request.user):
            messages.warning(request, sisters)
    else:
        messages.success(request, f"CMiC: {cmic_found(finding.modules)}")
    if finding.tags_message:
        messages.warning(request, f"PEX: {finding.tags_message}")


def _moment(row: AnyConnection) -> str:
    changed = row.credentials_changed_at
    return changed.isoformat() if changed else ""


def _url(view: str, row: AnyConnection) -> str:
    return reverse(f"admin:connector_tenant_{view}", args=[row.tenant_id, row.SYSTEM])
