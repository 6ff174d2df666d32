"""From a tenant's rows to clients: the one place where secrets leave the database."""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings

from connector.api.cmic.client import CmicClient
from connector.api.cmic.oauth import OAuthCredentials
from connector.api.exceptions import SettingsIncompleteError
from connector.api.limits import cmic_limits, pex_limits
from connector.api.parsing import clean
from connector.api.pex.client import PexClient
from connector.api.wire.addresses import AddressError, Reach
from connector.api.wire.exchange import Timeouts
from connector.connections.business import keep_found
from connector.models import CmicConnection, PexConnection, Tenant
from connector.models.connections import own_reach

T = TypeVar("T", PexConnection, CmicConnection)


def pex_client(tenant: Tenant, seconds: float | None = None) -> PexClient:
    """A client whose token is known to belong to the tenant's business.

    `seconds` are the longest to wait for one answer. PEX is asked whose token it is
    where another one is stored since it was asked last, however that came there.
    Raises `SettingsIncompleteError` if something must still be filled in,
    `OtherBusinessError` for a token of another business, and, where PEX is asked, the
    client's errors.
    """
    connection = complete_pex(tenant)
    client = pex_client_for(connection, connection.token, seconds)
    if not connection.is_token_checked:
        keep_found(connection, client.check_token())
    return client


def complete_pex(tenant: Tenant) -> PexConnection:
    """The tenant's PEX. Raises `SettingsIncompleteError` where something is missing."""
    return _complete(tenant.pex_or_none, "PEX")


def pex_client_for(
    connection: PexConnection, token: str, seconds: float | None = None
) -> PexClient:
    """A client with a token that is not (yet) the connection's own.

    `seconds` are the longest to wait for one answer. Raises `SettingsIncompleteError`
    for an address that may not be called.
    """
    reach = own_reach()
    return PexClient(
        _checked(connection.base_url, reach),
        token,
        reach=reach,
        timeouts=_timeouts(seconds),
        limits=pex_limits(
            settings.REDIS_URL, token, per_minute=settings.PEX_CALLS_PER_MINUTE
        ),
    )


def cmic_client(tenant: Tenant, seconds: float | None = None) -> CmicClient:
    """`seconds` are the longest to wait for one answer.

    Raises `SettingsIncompleteError` if something must still be filled in.
    """
    connection = _complete(tenant.cmic_or_none, "CMiC")
    return cmic_client_for(connection, seconds)


def cmic_client_for(
    connection: CmicConnection, seconds: float | None = None
) -> CmicClient:
    """A client with the credentials of a row that may not be stored (yet).

    `seconds` and what it raises are as for `pex_client_for`.
    """
    reach = own_reach()
    base_url = _checked(connection.base_url, reach)
    oauth = None
    if connection.auth == CmicConnection.Auth.OAUTH:
        oauth = OAuthCredentials(
            token_url=_checked(connection.token_url, reach),
            client_id=connection.oauth_client_id,
            client_secret=connection.oauth_client_secret,
            scope=connection.scope,
        )
    return CmicClient(
        base_url,
        reach=reach,
        username=connection.login,
        password=connection.password,
        oauth=oauth,
        upload_encoding=connection.upload_encoding,
        timeouts=_timeouts(seconds),
        limits=cmic_limits(
            settings.REDIS_URL,
            base_url,
            per_second=settings.CMIC_CALLS_PER_SECOND,
            in_flight=settings.CMIC_CALLS_IN_FLIGHT,
        ),
    )


def _complete(connection: T | None, system: str) -> T:
    if connection is None:
        raise SettingsIncompleteError(f"The {system} connection is missing.")
    if missing := connection.missing_settings():
        raise SettingsIncompleteError(" ".join(missing))
    return connection


def _checked(url: str, reach: Reach) -> str:
    """The address to call, put together anew from what was checked.

    Once more at use: the environment may allow less than when it was saved, and not
    every way into the database checks anything. Raises `SettingsIncompleteError`.
    """
    try:
        return reach.check(url).url
    except AddressError as error:
        raise SettingsIncompleteError(
            f"{clean(url, 300)} may not be called: {error}"
        ) from error


def _timeouts(seconds: float | None) -> Timeouts:
    answer = min(settings.HTTP_TIMEOUT, seconds or settings.HTTP_TIMEOUT)
    return Timeouts(connect=min(10.0, answer), answer=answer)
