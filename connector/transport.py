"""Connections to somebody else's server, and what came back over one.

Owns the process's pool of connections, timeouts, an answer and its reading, and what
a fault of the transport says. Which fault means what is decided in `connector.http`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from connector.exceptions import ApiConnectionError, UnexpectedResponseError
from connector.parsing import parse_json, parse_rows

T = TypeVar("T")

# One pool of connections a process: urllib3's pool is safe to share between threads,
# a `requests.Session` is not, so each client has its own session on this adapter.
_ADAPTER = HTTPAdapter(pool_connections=64, pool_maxsize=64, max_retries=0)

_LONGEST_FORM_ANSWER = 1024 * 1024  # bytes
_LONGEST_RETRY_AFTER = 300.0  # seconds; whoever says more is asked again after that


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for a connection, and for the whole answer after that."""

    connect: float = 10.0
    answer: float = 65.0


@dataclass(frozen=True)
class Answer:
    """What the other side said: status, headers and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    system: str

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body as JSON with every non-integer number as a Decimal.

        Raises `UnexpectedResponseError` if it is something else.
        """
        return self._parsed(lambda: parse_json(self.body))

    def json_rows(self, name: str) -> tuple[Any, Iterator[Any]]:
        """As `json`, with the long list `name` apart, parsed row by row."""
        return self._parsed(lambda: parse_rows(self.body, name))

    def _parsed(self, parse: Callable[[], T]) -> T:
        try:
            return parse()
        except ValueError as error:
            raise UnexpectedResponseError(
                f"{self.system} answered {self.status}, but not with the JSON that was "
                "expected.",
                system=self.system,
                status=self.status,
                body=self.text[:2000],
            ) from error


def post_form(
    url: str, form: Mapping[str, str], *, system: str, timeouts: Timeouts
) -> Answer:
    """The answer, of any status, to a form sent without credentials in its header.

    At most a megabyte is read. Raises `ApiConnectionError` if there is none.
    """
    try:
        with new_session().post(
            url,
            data=form,
            headers={"Accept": "application/json"},
            timeout=(timeouts.connect, timeouts.answer),
            allow_redirects=False,
            stream=True,
        ) as response:
            body = next(response.iter_content(_LONGEST_FORM_ANSWER), b"")
    except (requests.RequestException, HTTPError) as error:
        raise ApiConnectionError(f"{url} did not answer.", system=system) from error
    return Answer(response.status_code, response.headers, body, system)


def new_session() -> requests.Session:
    """A session on the process's connections, free of the machine's own settings.

    `trust_env` is off because a .netrc entry would replace our Authorization.
    """
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _ADAPTER)
    session.mount("http://", _ADAPTER)
    return session


def never_connected(error: BaseException) -> bool:
    """True only where it is certain that no byte of the request left."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    if not isinstance(error, requests.ConnectionError) or not error.args:
        return False
    reason = error.args[0]
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    if isinstance(error, requests.exceptions.SSLError):
        return "CERTIFICATE_VERIFY_FAILED" in str(reason)
    return isinstance(
        reason, (NewConnectionError, NameResolutionError, ConnectTimeoutError)
    )


def retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header of either form, never negative."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    if math.isnan(seconds):
        return None
    return min(max(0.0, seconds), _LONGEST_RETRY_AFTER)
