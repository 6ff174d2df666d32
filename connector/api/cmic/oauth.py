"""An OAuth 2 access token by client credentials, asked for once and kept while good.

Tokens live in the process's memory only (api/cmic.md §1.3).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from connector.api.exceptions import (
    ApiConnectionError,
    AuthenticationError,
    TokenAddressError,
    UnexpectedResponseError,
)
from connector.api.wire.addresses import Reach
from connector.api.wire.exchange import Timeouts
from connector.api.wire.transport import post_form

# Not found, no such method, gone.
_NO_SUCH_ADDRESS = (404, 405, 410)
_EARLY = 60  # seconds before its end that a token is replaced


@dataclass(frozen=True)
class OAuthCredentials:
    token_url: str
    client_id: str
    client_secret: str
    scope: str = ""

    def __repr__(self) -> str:
        return f"OAuthCredentials({self.token_url!r}, {self.client_id!r})"


_tokens: dict[OAuthCredentials, tuple[str, float]] = {}
# One for each, so that a slow authorisation server holds up its own tenants only.
_locks: dict[OAuthCredentials, threading.Lock] = {}


class OAuthToken:
    """Gives the Authorization header for one set of credentials."""

    def __init__(
        self, credentials: OAuthCredentials, timeouts: Timeouts, reach: Reach
    ) -> None:
        self._credentials = credentials
        self._reach = reach
        self._timeouts = timeouts
        self._lock = _locks.setdefault(credentials, threading.Lock())

    def authorization(self) -> str:
        """Raises `AuthenticationError` if the credentials are refused or their address
        is wrong, and `ApiConnectionError` if nobody answers: nothing was sent to CMiC
        yet."""
        with self._lock:
            token, good_until = _tokens.get(self._credentials, ("", 0.0))
            if time.monotonic() >= good_until:
                token, lifetime = self._request()
                _tokens[self._credentials] = (token, time.monotonic() + lifetime)
        return f"Bearer {token}"

    def redact(self, text: str) -> str:
        """The text without the token in use."""
        token, _ = _tokens.get(self._credentials, ("", 0.0))
        return text.replace(token, "•••") if token else text

    def forget(self) -> bool:
        """The next call asks for a new token. False if there was none to forget."""
        with self._lock:
            return _tokens.pop(self._credentials, None) is not None

    def _request(self) -> tuple[str, float]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        if self._credentials.scope:
            form["scope"] = self._credentials.scope
        answer = post_form(
            self._credentials.token_url,
            form,
            reach=self._reach,
            system="CMiC",
            timeouts=self._timeouts,
        )
        if answer.status in (400, 401, 403):
            raise AuthenticationError(
                f"{self._credentials.token_url} refuses the client id or secret.",
                system="CMiC",
                status=answer.status,
            )
        if answer.status in _NO_SUCH_ADDRESS:
            url = self._credentials.token_url
            raise TokenAddressError(
                f"The OAuth token address {url} does not exist: it answers "
                f"{answer.status}. Correct it under Manage credentials; the customer's "
                "CMiC administrator knows it.",
                system="CMiC",
                status=answer.status,
            )
        try:
            data = answer.json()
            token, lifetime = data["access_token"], float(data.get("expires_in", 300))
        except (
            UnexpectedResponseError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
        ) as error:
            # Nothing was sent to CMiC itself yet, so nothing can have happened there.
            raise ApiConnectionError(
                f"{self._credentials.token_url} answered {answer.status} without an "
                "access token.",
                system="CMiC",
            ) from error
        return str(token), max(0.0, lifetime - _EARLY)
