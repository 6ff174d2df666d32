"""Asks PEX and CMiC after a save, and tells the person what they said.

Runs once the save is committed: no call is made inside a transaction.
"""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from connector.admin.states import cmic_found
from connector.checks import BROWSER_SECONDS, check_cmic
from connector.clients import cmic_client
from connector.cmic.types import CodeKind
from connector.codes import SETUP_KINDS, refresh_stale
from connector.exceptions import ConnectorError
from connector.models import CmicCode, Tenant, TransactionSettings
from connector.settings_forms import TransactionSettingsForm

# The lists are a help: whoever saves credentials does not wait long for them.
_LIST_SECONDS = 3.0

# What is chosen by itself when CMiC offers one only (F5).
_ONLY_CHOICES = {
    name: kind
    for name, kind in TransactionSettingsForm.lists.items()
    if kind is not CodeKind.VENDOR
}


def check_cmic_again(request: HttpRequest, tenant_id: int) -> None:
    """Ask CMiC live, where it is connected; every result becomes a message."""
    tenant = Tenant.objects.get(pk=tenant_id)
    connection = getattr(tenant, "cmic", None)
    if connection is not None and not connection.missing_settings():
        _check_cmic(request, tenant)
    tell_refused_values(request, tenant_id)


def after_cmic_was_saved(request: HttpRequest, tenant_id: int) -> None:
    """Credentials that were just found to work: what there is to choose is read."""
    _read_lists(request, Tenant.objects.get(pk=tenant_id), _LIST_SECONDS)


def _check_cmic(request: HttpRequest, tenant: Tenant) -> None:
    try:
        states = check_cmic(tenant, seconds=BROWSER_SECONDS)
    except ConnectorError as error:
        messages.error(request, _named(error.message))
        return
    failed = dict.fromkeys(state.message for state in states if not state.is_ok)
    for message in failed:
        messages.error(request, _named(message))
    if len(failed) == 1 and not any(state.is_ok for state in states):
        return
    if not failed:
        messages.success(request, f"CMiC: {cmic_found(states)}")
    _read_lists(request, tenant)


def _read_lists(
    request: HttpRequest, tenant: Tenant, seconds: float | None = None
) -> None:
    """Companies, vendors and the like, so that what is unknown there is refused here.

    Lists that CMiC keeps per company wait until the company is chosen.
    """
    settings = TransactionSettings.objects.filter(tenant=tenant).first()
    if settings is None:
        return
    tenant.transactions = settings
    try:
        client = cmic_client(tenant, seconds)
        if not settings.company_code:
            refresh_stale(tenant, client, list(_ONLY_CHOICES.values()))
        _fill_only_choices(request, settings)
        unseen = refresh_stale(
            tenant,
            client,
            SETUP_KINDS if settings.company_code else list(_ONLY_CHOICES.values()),
        )
    except ConnectorError as error:
        messages.warning(request, f"CMiC: its lists could not be read. {error.message}")
        return
    for sentence in unseen:
        messages.warning(request, sentence)


def _fill_only_choices(request: HttpRequest, settings: TransactionSettings) -> None:
    filled = []
    for attribute, kind in _ONLY_CHOICES.items():
        if getattr(settings, attribute):
            continue
        codes = CmicCode.objects.filter(
            tenant=settings.tenant_id, kind=kind, is_active=True
        )[:2]
        if len(codes) == 1:
            setattr(settings, attribute, codes[0].code)
            filled.append(attribute)
            title = TransactionSettingsForm.base_fields[attribute].label
            messages.info(
                request,
                f"CMiC offers one choice, so it was chosen: {title} {codes[0]}.",
            )
    settings.save(update_fields=filled)


def tell_refused_values(request: HttpRequest, tenant_id: int) -> None:
    """What was saved before the lists were read may not be in them."""
    tenant = (
        Tenant.objects.select_related("pex", "cmic", "transactions")
        .prefetch_related("mappings")
        .get(pk=tenant_id)
    )
    settings = getattr(tenant, "transactions", None)
    rows = [*([settings] if settings else []), *tenant.mappings.all()]
    for row in rows:
        row.tenant = tenant
        try:
            row.clean()
        except ValidationError as error:
            for sentence in error.messages:
                messages.warning(request, f"{_title(row)}: {sentence}")


def _named(message: str) -> str:
    """Named after CMiC, which most sentences begin with anyway."""
    return message if message.startswith("CMiC") else f"CMiC: {message}"


def _title(row: object) -> str:
    if isinstance(row, TransactionSettings):
        return "Transaction settings"
    return f"Mapping of {row.get_field_display()}"  # type: ignore[attr-defined]
