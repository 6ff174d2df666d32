"""Connections to somebody else's server, and what came back over one.

Owns the process's pool of connections, an answer and its reading. Whom a connection is
made to is `connector.api.wire.dialing`, how long either half of a call may take
`connector.api.wire.exchange`, what a fault means `connector.api.http`.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.fields import RequestField
from urllib3.filepost import choose_boundary

from connector.api.exceptions import ApiConnectionError, UnexpectedResponseError
from connector.api.parsing import parse_json, parse_rows
from connector.api.wire.addresses import AddressError, Reach
from connector.api.wire.dialing import dial
from connector.api.wire.exchange import BoundedResponse, Timeouts, exchanging, send_all

T = TypeVar("T")


class _Guarded:
    """Connects to where `reach` allows only, and keeps what is sent and read within the
    time of its exchange."""

    response_class: Any = BoundedResponse
    reach: Reach

    def send(self: Any, data: Any) -> None:
        if self.sock is None:
            self.connect()
        send_all(self.sock, data)

    def _new_conn(self: Any) -> socket.socket:
        try:
            return dial(
                self.host,
                self.port,
                reach=self.reach,
                seconds=self.timeout,
                options=self.socket_options or (),
            )
        except OSError as error:
            raise NewConnectionError(self, f"Not connected: {error}") from error


def _pool_classes(reach: Reach) -> dict[str, type[HTTPConnectionPool]]:
    """Pools of connections that go where `reach` allows, by scheme."""

    class Http(_Guarded, HTTPConnection):
        pass

    class Https(_Guarded, HTTPSConnection):
        pass

    class HttpPool(HTTPConnectionPool):
        ConnectionCls = Http

    class HttpsPool(HTTPSConnectionPool):
        ConnectionCls = Https

    Http.reach = Https.reach = reach
    return {"http": HttpPool, "https": HttpsPool}


class _GuardedAdapter(HTTPAdapter):
    """Sends to addresses that `reach` allows, whoever asks and whatever was checked
    before."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        super().__init__(pool_connections=64, pool_maxsize=64, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._reach)

    def send(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> requests.Response:
        """Raises `InvalidURL` for an address that is not allowed."""
        try:
            self._reach.check((request.url or "").partition("?")[0])
        except AddressError as error:
            raise requests.exceptions.InvalidURL(str(error)) from error
        return super().send(request, *args, **options)


# One pool of connections a process: urllib3's pool is safe to share between threads,
# a `requests.Session` is not, so each client has its own session on this adapter.
_adapter = cache(_GuardedAdapter)

_LONGEST_FORM_ANSWER = 1024 * 1024  # bytes
_LONGEST_RETRY_AFTER = 3600.0  # seconds; whoever says more is asked again after that


# A field's name; its file's name, content and type.
FormPart = tuple[str, tuple[str | None, bytes, str]]


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


class Multipart:
    """A form with files as a body that is sent part by part: nobody holds a copy of a
    file of 10 MB only for what stands around it."""

    def __init__(self, files: Sequence[FormPart]) -> None:
        boundary = choose_boundary()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._chunks: list[bytes] = []
        for name, (file_name, content, content_type) in files:
            field = RequestField(name, content, file_name)
            field.make_multipart(content_type=content_type)
            head = f"--{boundary}\r\n{field.render_headers()}"
            self._chunks += [head.encode(), content, b"\r\n"]
        self._chunks.append(f"--{boundary}--\r\n".encode())

    def __len__(self) -> int:
        return sum(map(len, self._chunks))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


def post_form(
    url: str, form: Mapping[str, str], *, reach: Reach, system: str, timeouts: Timeouts
) -> Answer:
    """The answer, of any status, to a form sent without credentials in its header.

    At most a megabyte is read. Raises `ApiConnectionError` if there is none.
    """
    try:
        with (
            exchanging(timeouts),
            new_session(reach).post(
                url,
                data=form,
                headers={"Accept": "application/json"},
                timeout=(timeouts.connect, timeouts.answer),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            body = next(response.iter_content(_LONGEST_FORM_ANSWER), b"")
    except (requests.RequestException, HTTPError) as error:
        raise ApiConnectionError(f"{url} did not answer.", system=system) from error
    return Answer(response.status_code, response.headers, body, system)


def new_session(reach: Reach) -> requests.Session:
    """A session on the process's connections, free of the machine's own settings.

    `trust_env` is off because a .netrc entry would replace our Authorization, and a
    proxy would resolve names by itself, so that nobody knows where they lead.
    """
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _adapter(reach))
    session.mount("http://", _adapter(reach))
    return session


def retry_after(value: str | None, date: str | None = None) -> float | None:
    """Seconds from a Retry-After header of either form, never negative.

    A moment counts from the answer's own `date`: this machine's clock may be wrong.
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value).timestamp()
        except (ValueError, OverflowError):
            return None
        seconds = until - _begun(date)
    if math.isnan(seconds):
        return None
    return min(max(0.0, seconds), _LONGEST_RETRY_AFTER)


def _begun(date: str | None) -> float:
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return time.time()
