"""Asks PEX and CMiC after a save, and tells the person what they said.

Runs once the save is committed: no call is made inside a transaction.
"""

from __future__ import annotations

import time

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from connector.admin.connection_words import cmic_found
from connector.admin.forms.settings import TransactionSettingsForm
from connector.api.cmic.types import CodeKind
from connector.api.exceptions import ApiTimeoutError, ConnectorError
from connector.codes.reading import SETUP_KINDS, refresh_stale
from connector.connections.clients import cmic_client
from connector.connections.probing import BROWSER_SECONDS, check_cmic
from connector.models import CmicCode, FieldMapping, Tenant, TransactionSettings

# The lists are a help: a page waits for them while all of it stays below ten seconds.
# One answer takes up to twice its seconds (connection and body), and twice that where
# CMiC fails first and is asked again.
_PAGE_SECONDS = 9.5
_ANSWER_SECONDS = 1.5
_LONGEST_CALL = 4 * _ANSWER_SECONDS + 1.0

# What is chosen by itself when CMiC offers one only (F5).
_ONLY_CHOICES = {
    name: kind
    for name, kind in TransactionSettingsForm.lists.items()
    if kind is not CodeKind.VENDOR
}


class _Patience:
    """The time that a person waits for a page, counted from `began` (monotonic)."""

    def __init__(self, began: float) -> None:
        self._ends = began + _PAGE_SECONDS - _LONGEST_CALL

    def check(self) -> None:
        """Raises `ApiTimeoutError` if another call could take too long."""
        if time.monotonic() > self._ends:
            raise ApiTimeoutError(
                "CMiC is slow today. Press Refresh codes on the Sync tab: then they "
                "are read while nobody waits.",
                system="CMiC",
            )


def check_cmic_again(request: HttpRequest, tenant_id: int) -> None:
    """Ask CMiC live, where it is connected; every result becomes a message."""
    began = time.monotonic()
    tenant = Tenant.objects.get(pk=tenant_id)
    connection = tenant.cmic_or_none
    if connection is not None and not connection.missing_settings():
        _check_cmic(request, tenant, _Patience(began))
    tell_refused_values(request, tenant_id)


def after_cmic_was_saved(request: HttpRequest, tenant_id: int, began: float) -> None:
    """Credentials that were just found to work: what there is to choose is read.

    `began` is when the person pressed the button, by the monotonic clock.
    """
    _read_lists(request, Tenant.objects.get(pk=tenant_id), _Patience(began))


def _check_cmic(request: HttpRequest, tenant: Tenant, patience: _Patience) -> None:
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
    _read_lists(request, tenant, patience)


def _read_lists(request: HttpRequest, tenant: Tenant, patience: _Patience) -> None:
    """Companies, vendors and the like, so that what is unknown there is refused here.

    Lists that CMiC keeps per company wait until the company is chosen.
    """
    settings = TransactionSettings.objects.filter(tenant=tenant).first()
    if settings is None:
        return
    tenant.transactions = settings
    try:
        client = cmic_client(tenant, _ANSWER_SECONDS)
        if not settings.company_code:
            kinds = list(_ONLY_CHOICES.values())
            refresh_stale(tenant, client, kinds, patience.check)
        _fill_only_choices(request, settings)
        unseen = refresh_stale(
            tenant,
            client,
            SETUP_KINDS if settings.company_code else list(_ONLY_CHOICES.values()),
            patience.check,
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
    settings = tenant.transactions_or_none
    rows: list[TransactionSettings | FieldMapping] = list(tenant.mappings.all())
    for row in [settings, *rows] if settings else rows:
        row.tenant = tenant
        try:
            row.clean()
        except ValidationError as error:
            for sentence in error.messages:
                messages.warning(request, f"{_title(row)}: {sentence}")


def _named(message: str) -> str:
    """Named after CMiC, which most sentences begin with anyway."""
    return message if message.startswith("CMiC") else f"CMiC: {message}"


def _title(row: TransactionSettings | FieldMapping) -> str:
    if isinstance(row, TransactionSettings):
        return "Transaction settings"
    return f"Mapping of {row.get_field_display()}"
