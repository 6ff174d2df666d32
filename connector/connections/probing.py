"""Live checks of a tenant's connections, and what they leave on record.

`ask_pex` and `ask_cmic` make the calls and touch no database; `check_pex` and
`check_cmic` ask with what is stored and write what was found to the connection's row,
unless the credentials changed meanwhile. Whose a token may be is
`connector.connections.business`. Wording the result for a page or a command is
left to those; replacing credentials is `connector.connections.credentials`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from typing import TypeVar

from django.db import transaction

from connector import clock
from connector.api.cmic.client import CmicClient
from connector.api.cmic.modules import module_state, settle
from connector.api.cmic.reference import MODULES
from connector.api.cmic.types import ModuleState
from connector.api.exceptions import (
    AccessDeniedError,
    ApiTimeoutError,
    AuthenticationError,
    ConnectorError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    SettingsIncompleteError,
    UnexpectedResponseError,
)
from connector.api.pex.types import Tag, TokenInfo
from connector.connections.business import business_of, keep_found, objection_to
from connector.connections.clients import (
    cmic_client,
    cmic_client_for,
    complete_pex,
    pex_client_for,
)
from connector.models import CmicConnection, PexConnection, Tenant

T = TypeVar("T")

# The longest that a person waits in the browser; a page is made in the rest of ten.
BROWSER_SECONDS = 8.5


def ask_pex(
    connection: PexConnection, *, seconds: float | None = None
) -> tuple[TokenInfo, list[Tag] | ConnectorError]:
    """Whose token it is, and PEX's tags or why there are none.

    Raises the client's error, and `ApiTimeoutError` after `seconds`.
    """
    token, tags = in_parallel(
        {
            "token": pex_client_for(connection, connection.token, seconds).check_token,
            "tags": pex_client_for(connection, connection.token, seconds).list_tags,
        },
        "PEX",
        seconds,
    ).values()
    if isinstance(token, ConnectorError):
        raise token
    return token, tags  # type: ignore[return-value]


def ask_cmic(
    connection: CmicConnection, *, seconds: float | None = None
) -> list[ModuleState]:
    """What each module says (F3), all asked at once; those silent for `seconds` are
    not reachable. Raises `SettingsIncompleteError` for an address not to be called."""
    # A client each: a session must not be shared between threads.
    calls = {
        name: _module_call(cmic_client_for(connection, seconds), name)
        for name in MODULES
    }
    answers = in_parallel(calls, "CMiC", seconds)
    states = {
        name: module_state(name, answer, connection.base_url)
        if isinstance(answer, ConnectorError)
        else answer
        for name, answer in answers.items()
    }
    return settle(states)


def in_parallel(
    calls: Mapping[str, Callable[[], T]], system: str, seconds: float | None
) -> dict[str, T | ConnectorError]:
    """Each call's answer or its error; `ApiTimeoutError` for those that are not done.

    The calls run in threads and must not touch the database.
    """
    pool = ThreadPoolExecutor(len(calls))
    asked = {name: pool.submit(call) for name, call in calls.items()}
    wait(asked.values(), timeout=seconds)
    # A call that is not done ends by its own timeout; nobody waits for it here.
    pool.shutdown(wait=False, cancel_futures=True)
    found: dict[str, T | ConnectorError] = {}
    for name, future in asked.items():
        if not future.done():
            found[name] = ApiTimeoutError(
                f"{system} did not answer within {seconds:g} seconds.", system=system
            )
            continue
        try:
            found[name] = future.result()
        except ConnectorError as error:
            found[name] = error
    return found


def pex_message(error: ConnectorError, base_url: str) -> str:
    """What is wrong, and what to ask of whom (F3)."""
    if isinstance(error, SettingsIncompleteError):
        return error.message
    if isinstance(error, AuthenticationError):
        return (
            f"{error.message} An administrator of the PEX business creates one in "
            "PEX, and it ends when that person's password changes."
        )
    if isinstance(error, AccessDeniedError):
        return (
            f"{error.message} Ask PEX support to allow this token to use the "
            "external API."
        )
    if isinstance(error, RateLimitError):
        return f"{error.message} Try again in a minute."
    if isinstance(error, NotFoundError | InvalidRequestError | UnexpectedResponseError):
        return (
            f"{base_url} does not answer as PEX does: {error.message} The address is "
            "https://coreapi.pexcard.com unless PEX gave you another one."
        )
    return (
        f"{error.message} Try again; if it stays so, ask PEX support whether it is up."
    )


def check_pex(tenant: Tenant) -> TokenInfo:
    """Ask PEX whose token it is, renewing it in its last month of life (F1).

    Raises the client's error, or `OtherBusinessError` for a token of another business
    than the tenant's, after putting it on record.
    """
    connection = complete_pex(tenant)
    try:
        info = pex_client_for(connection, connection.token).check_token()
    except ConnectorError as error:
        message = pex_message(error, connection.base_url)
        _record(connection, is_ok=False, check_message=message)
        raise
    keep_found(connection, info)
    connection.refresh_from_db()
    if connection.token and connection.is_in_last_month():
        renew_token(connection)
    return info


def module_columns(states: Sequence[ModuleState]) -> dict[str, object]:
    """What `CmicConnection` keeps of a check."""
    failed = [state.message for state in states if not state.is_ok]
    return {
        "is_ok": not failed,
        "check_message": " ".join(dict.fromkeys(failed)),
        "modules": [
            {
                "name": state.name,
                "ok": state.is_ok,
                "message": state.message,
                "problem": str(state.problem or ""),
            }
            for state in states
        ],
    }


def renew_token(connection: PexConnection) -> None:
    """Replace the token; the old one stays until the new one has answered a call.

    A renewal that PEX refuses is put on record and stops nothing: the old token still
    lives. Stores the new token only if nobody stored another meanwhile.
    """
    old = connection.token
    try:
        renewed = pex_client_for(connection, old).renew_token()
        info = pex_client_for(connection, renewed.token).check_token()
        found = business_of(info, connection.base_url)
        if objection := objection_to(connection, found):
            raise objection
    except ConnectorError as error:
        message = f"The token could not be renewed: {error.message}"
        PexConnection.objects.filter(pk=connection.pk).update(check_message=message)
        connection.check_message = message
        return
    with transaction.atomic():
        # Somebody may have replaced it or disconnected since.
        row = PexConnection.objects.select_for_update().get(pk=connection.pk)
        if row.token == old:
            row.token = renewed.token
            row.token_expires_at = renewed.expires_at or info.expires_at
            row.checked_token = row.token_mark
            row.save(update_fields=["token", "token_expires_at", "checked_token"])
    connection.refresh_from_db()


def check_cmic(tenant: Tenant, *, seconds: float | None = None) -> list[ModuleState]:
    """Ask each module that the product needs (F3).

    Raises `SettingsIncompleteError` where credentials are missing.
    """
    cmic_client(tenant)
    states = ask_cmic(tenant.cmic, seconds=seconds)
    _record(tenant.cmic, **module_columns(states))
    return states


def remember_refusal(
    tenant: Tenant, error: ConnectorError, begun_at: datetime | None
) -> None:
    """A sync that began then found its credentials refused: the connection's state says
    so, unless they were replaced meanwhile."""
    connection = tenant.pex_or_none if error.system == "PEX" else tenant.cmic_or_none
    if connection is None or begun_at is None:
        return
    changed_at = connection.credentials_changed_at
    if changed_at is None or changed_at <= begun_at:
        _record(connection, is_ok=False, check_message=error.message)


def _module_call(client: CmicClient, name: str) -> Callable[[], ModuleState]:
    return lambda: client.check_module(name)


def _record(connection: PexConnection | CmicConnection, **found: object) -> None:
    """Unless the credentials that it was found with have been replaced."""
    type(connection).objects.filter(
        pk=connection.pk, credentials_changed_at=connection.credentials_changed_at
    ).update(checked_at=clock.now(), **found)
