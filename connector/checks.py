"""Live checks of a tenant's connections, and what they leave on record.

`check_pex` and `check_cmic` make the calls and write what was found to the
connection's row; wording the result for a page or a command is left to those.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from connector.clients import cmic_client, pex_client, pex_client_for
from connector.cmic.types import ModuleState
from connector.exceptions import ConnectorError
from connector.models import CmicConnection, PexConnection, Tenant
from connector.pex.types import Tag, TokenInfo


def check_pex(tenant: Tenant) -> TokenInfo:
    """Ask PEX whose token it is, renewing it in its last month of life (F1).

    Raises the client's error after putting it on record.
    """
    try:
        info = pex_client(tenant).check_token()
    except ConnectorError as error:
        _record(PexConnection, tenant, is_ok=False, message=error.message)
        raise
    connection = tenant.pex
    PexConnection.objects.filter(pk=connection.pk).update(
        is_ok=True,
        checked_at=timezone.now(),
        check_message="",
        token_expires_at=info.expires_at,
        business_id=info.business_id,
        business_name=info.business_name,
        username=info.username,
    )
    connection.refresh_from_db()
    if connection.is_in_last_month():
        renew_token(connection)
    return info


def renew_token(connection: PexConnection) -> None:
    """Replace the token; the old one stays until the new one has answered a call.

    A renewal that PEX refuses is put on record and stops nothing: the old token still
    lives. Stores the new token only if nobody stored another meanwhile.
    """
    old = connection.token
    try:
        renewed = pex_client_for(connection, old).renew_token()
        info = pex_client_for(connection, renewed.token).check_token()
    except ConnectorError as error:
        message = f"The token could not be renewed: {error.message}"
        PexConnection.objects.filter(pk=connection.pk).update(check_message=message)
        return
    connection.refresh_from_db()
    if connection.token != old:
        return
    connection.token = renewed.token
    connection.token_expires_at = renewed.expires_at or info.expires_at
    connection.save(update_fields=["token", "token_expires_at"])


def check_cmic(tenant: Tenant) -> list[ModuleState]:
    """Ask each module that the product needs (F3).

    Raises `SettingsIncompleteError` where credentials are missing.
    """
    states = cmic_client(tenant).check()
    failed = [state.message for state in states if not state.is_ok]
    _record(
        CmicConnection,
        tenant,
        is_ok=not failed,
        message=" ".join(dict.fromkeys(failed)),
        modules=[
            {"name": state.name, "ok": state.is_ok, "message": state.message}
            for state in states
        ],
    )
    return states


def remember_tags(connection: PexConnection, tags: Sequence[Tag]) -> None:
    """Keep the names and types of PEX's tags: mappings are checked against them."""
    known = [
        {
            "id": tag.tag_id,
            "name": tag.name,
            "type": "dropdown" if tag.is_dropdown else tag.type,
            "is_usable": tag.is_usable,
        }
        for tag in tags
    ]
    if known != connection.tags:
        connection.tags = known
        connection.save(update_fields=["tags"])


def _record(
    model: type[PexConnection] | type[CmicConnection],
    tenant: Tenant,
    *,
    is_ok: bool,
    message: str,
    **more: object,
) -> None:
    model.objects.filter(tenant=tenant).update(
        is_ok=is_ok, check_message=message, checked_at=timezone.now(), **more
    )
