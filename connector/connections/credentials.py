"""Replacing a tenant's credentials, once they were tried, and taking them away (F10).

`examine` asks with credentials that are not stored yet; `replace` stores them with what
was found; `check_stored` asks again with those; `disconnect` removes the secrets. Pages
and wording are the admin's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from connector import clock
from connector.api.cmic.types import ModuleState
from connector.api.exceptions import ConnectorError
from connector.api.pex.types import Tag
from connector.connections.business import (
    OtherBusinessError,
    business_of,
    keep_columns,
    leave_for,
    token_columns,
)
from connector.connections.probing import (
    BROWSER_SECONDS,
    ask_cmic,
    ask_pex,
    in_parallel,
    module_columns,
    pex_message,
)
from connector.models import CmicConnection, PexConnection, Tenant
from connector.models.business import Business

AnyConnection = PexConnection | CmicConnection


class ChangedMeanwhileError(Exception):
    """Somebody else changed these credentials first; `row` is as it is now."""

    def __init__(self, row: AnyConnection) -> None:
        super().__init__("The credentials were changed by somebody else.")
        self.row = row


@dataclass(frozen=True)
class Finding:
    """What was found with some credentials: columns to keep, and what to show.

    `business` is whose the PEX token is, which need not be the tenant's.
    """

    is_ok: bool
    columns: dict[str, Any]
    message: str = ""
    modules: list[ModuleState] = field(default_factory=list)
    tags: list[Tag] | None = None
    tags_message: str = ""
    business: Business | None = None

    @property
    def is_one_problem(self) -> bool:
        """One sentence says what is wrong, with one module or with several."""
        return any(state.message == self.message for state in self.modules)


def examine(connection: AnyConnection, seconds: float = BROWSER_SECONDS) -> Finding:
    """Try the credentials of a row that is not stored. Takes at most `seconds`."""
    # Storing them connects again, so that alone is nothing missing.
    connection.is_disconnected = False
    if missing := connection.missing_settings():
        return _refused(connection, " ".join(missing))
    try:
        if isinstance(connection, PexConnection):
            return _examine_pex(connection, seconds)
        states = ask_cmic(connection, seconds=seconds)
    except ConnectorError as error:
        if isinstance(connection, PexConnection):
            return _refused(connection, pex_message(error, connection.base_url))
        return _refused(connection, error.message)
    columns = module_columns(states)
    return Finding(
        is_ok=bool(columns["is_ok"]),
        columns=columns,
        message=str(columns["check_message"]),
        modules=states,
    )


def check_stored(
    tenant: Tenant, seconds: float = BROWSER_SECONDS
) -> dict[str, Finding]:
    """Try what is stored, both sides at once, and put on record what was found.

    By "pex" and "cmic"; a side that is not connected has no finding. What was known of
    a side that fails now (business, end of the token) stays, and a token of another
    business fails. Takes at most `seconds`.
    """
    rows: dict[str, AnyConnection] = {
        model.SYSTEM: row
        for model in (PexConnection, CmicConnection)
        if (row := model._default_manager.filter(tenant=tenant).first()) is not None
        and not row.missing_settings()
    }
    calls = {name: partial(examine, row, seconds) for name, row in rows.items()}
    asked = in_parallel(calls, "The other side", None) if calls else {}
    findings = {
        name: found for name, found in asked.items() if isinstance(found, Finding)
    }
    return {name: _keep(rows[name], finding) for name, finding in findings.items()}


def _keep(row: AnyConnection, finding: Finding) -> Finding:
    """Unless the credentials that it was found with have been replaced.

    The finding, or a refusal where the stored token is another business's.
    """
    if isinstance(row, PexConnection) and finding.is_ok:
        try:
            keep_columns(row, finding.columns, finding.business)
        except OtherBusinessError as error:
            return _refused(row, error.message)
        if finding.tags is not None:
            row.remember_tags(finding.tags)
        return finding
    columns = {
        name: value for name, value in finding.columns.items() if value is not None
    }
    kept = type(row)._default_manager.filter(
        pk=row.pk, credentials_changed_at=row.credentials_changed_at
    )
    kept.update(checked_at=clock.now(), **columns)
    return finding


def replace(
    connection: AnyConnection,
    names: Collection[str],
    finding: Finding,
    seen: datetime | None,
    confirmed: Business | None = None,
) -> None:
    """Store the columns `names` of `connection` together with what was found.

    Raises `ChangedMeanwhileError` if the stored credentials are not those of `seen`,
    the moment of their last change when the person began, and `OtherBusinessError` for
    a token that works and is of another business than the tenant's, unless that is the
    one that the person has `confirmed`.
    """
    now = clock.now()
    columns = {name: getattr(connection, name) for name in names}
    columns |= {
        **finding.columns,
        "checked_at": now,
        "is_disconnected": False,
        "credentials_changed_at": now,
    }
    with transaction.atomic():
        model = type(connection)
        row = (
            model._default_manager.select_for_update(of=("self",))
            .select_related("tenant")
            .filter(tenant=connection.tenant_id)
            .first()
        )
        if row is None:
            row = model(tenant_id=connection.tenant_id)
        elif row.credentials_changed_at != seen:
            raise ChangedMeanwhileError(row)
        if isinstance(row, PexConnection):
            # Before the address changes, which tells where the business is.
            known = row.business
            if finding.is_ok:
                columns |= leave_for(row, finding.business, confirmed, now)
            elif known is not None:
                columns["business_place"] = known.place
        for name, value in columns.items():
            setattr(row, name, value)
        row.save(update_fields=None if row.pk is None else list(columns))
        if isinstance(row, PexConnection) and finding.tags is not None:
            row.remember_tags(finding.tags)


def disconnect(connection: AnyConnection) -> None:
    """Remove the secrets and stop auto-sync; addresses, mappings and history stay."""
    columns: dict[str, Any] = {
        **dict.fromkeys(connection.SECRETS, ""),
        "is_disconnected": True,
        "is_ok": None,
        "check_message": "",
        "checked_at": None,
        "credentials_changed_at": clock.now(),
        **_nothing_known(connection),
    }
    for name, value in columns.items():
        setattr(connection, name, value)
    with transaction.atomic():
        connection.save(update_fields=list(columns))
        tenant = Tenant.objects.select_for_update(no_key=True).get(
            pk=connection.tenant_id
        )
        tenant.auto_sync = False
        tenant.next_auto_sync_at = None
        tenant.save(update_fields=["auto_sync", "next_auto_sync_at"])


def _examine_pex(connection: PexConnection, seconds: float) -> Finding:
    info, tags = ask_pex(connection, seconds=seconds)
    columns = {
        "is_ok": True,
        "check_message": "",
        **token_columns(info, connection),
    }
    business = business_of(info, connection.base_url)
    if isinstance(tags, ConnectorError):
        message = f"PEX's tags could not be read. {tags}"
        return Finding(True, columns, tags_message=message, business=business)
    return Finding(True, columns, tags=tags, business=business)


def _refused(connection: AnyConnection, message: str) -> Finding:
    """Nothing found before is true of these."""
    columns = {"is_ok": False, "check_message": message, **_nothing_known(connection)}
    return Finding(False, columns, message)


def _nothing_known(connection: AnyConnection) -> dict[str, Any]:
    if isinstance(connection, PexConnection):
        return {"token_expires_at": None}
    return {"modules": []}
