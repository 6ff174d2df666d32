"""Asks PEX whose token a tenant's JSON brings, before it is imported.

A tenant that reads a business keeps it: another one is confirmed by a person, under
*Manage credentials*. Reading the JSON is `connector.transfer.importing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.api.exceptions import ConnectorError
from connector.connections.business import OtherBusinessError, business_of, objection_to
from connector.connections.clients import pex_client_for
from connector.connections.probing import BROWSER_SECONDS
from connector.models import PexConnection
from connector.models.business import Business
from connector.transfer.importing import ImportRefusedError
from connector.transfer.reading import Reader


def refuse_other_business(data: Any, environment: Mapping[str, str] | None) -> None:
    """Raises `ImportRefusedError` where PEX says that the token which `data` stores is
    not of the business that the tenant reads.

    Calls PEX, so not inside a transaction; only where an import would change token or
    address. What cannot be asked now is found out before the token is used. Arguments
    as for `import_tenant`, which says what else is wrong with them.
    """
    stored = _stored(data)
    if stored is None or stored.business is None:
        return
    tried = _tried(data["pex"], stored, environment)
    if tried is None:
        return
    try:
        client = pex_client_for(tried, tried.token, BROWSER_SECONDS)
        info = client.check_token()
    except ConnectorError:
        return
    found = business_of(info, tried.base_url)
    if objection := objection_to(stored, found):
        raise ImportRefusedError([("pex.token", _sentence(objection))])


def _stored(data: Any) -> PexConnection | None:
    """The PEX of the tenant that the JSON would change."""
    is_shaped = isinstance(data, Mapping) and isinstance(data.get("pex"), Mapping)
    slug = data.get("slug") if is_shaped else None
    if not isinstance(slug, str):
        return None
    rows = PexConnection.objects.select_related("tenant")
    return rows.filter(tenant__slug=slug.strip()).first()


def _tried(
    part: Mapping[str, Any],
    stored: PexConnection,
    environment: Mapping[str, str] | None,
) -> PexConnection | None:
    """A connection as it would be stored; None where it is not to be asked."""
    reader = Reader(environment)
    url = reader.value("pex.base_url", part.get("base_url", stored.base_url), str)
    # In an upload a variable's name leaves the secret as it is.
    is_named = isinstance(part.get("token"), Mapping)
    is_kept = "token" not in part or (reader.is_upload and is_named)
    token = stored.token if is_kept else reader.secret("pex.token", part["token"])
    tried = PexConnection(base_url=url or "", token=token or "")
    if reader.problems or not tried.token or tried.token_mark == stored.token_mark:
        return None
    secrets = {"token": stored.token, "base_url": stored.base_url}
    is_moved = bool(stored.moved_secrets(secrets, vars(tried)))
    if is_kept and is_moved and reader.is_upload:
        return None
    return tried


def _sentence(objection: OtherBusinessError) -> str:
    known, found = objection.known, objection.found
    whose = _whose(known, found) if found else "PEX did not say whose token this is"
    return (
        f"{whose}; {objection.tenant} reads {known}. If another business is meant, "
        "enter the token in the admin under Manage credentials, which asks for the "
        "name of the new business, and import the rest without “pex”."
    )


def _whose(known: Business, found: Business) -> str:
    return f"This token belongs to {found.words_beside(known)}"
