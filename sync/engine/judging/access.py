"""Telling dead credentials from a refusal that concerns one purchase only.

A refusal says nothing of everything else: PEX and CMiC are asked for something that
every user of theirs may see, before anything is declared dead.
"""

from __future__ import annotations

from connector.api.exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    ApiResponseError,
    AuthenticationError,
    ConnectorError,
)
from sync.engine.judging.context import TenantContext


class CredentialsRefusedError(ConnectorError):
    """The other side refuses what is harmless too: nothing more can be done with these
    credentials."""


def require_access(context: TenantContext, error: ApiResponseError) -> None:
    """Return if the side that refused answers something harmless: then the refusal is a
    matter of what was asked for.

    Raises `CredentialsRefusedError` if it refuses that as well, and the client's other
    errors where it does not tell.
    """
    if error.system == "PEX":
        _require_pex(context)
    else:
        _require_cmic(context, error)


def _require_pex(context: TenantContext) -> None:
    try:
        context.pex.check_token()
    except (AccessDeniedError, AuthenticationError) as refusal:
        raise CredentialsRefusedError(refusal.message, system="PEX") from refusal


def _require_cmic(context: TenantContext, error: ApiResponseError) -> None:
    states = context.cmic.check()
    if any(state.is_ok for state in states):
        return
    for state in states:
        if not state.is_refused:
            raise ApiConnectionError(state.message, system=error.system)
    raise CredentialsRefusedError(error.message, system=error.system)
