"""One HTTP call to somebody else's API: sending it, and naming what came back.

Owns size and time bounds of an answer, redaction, repeating in place and the way from
transport faults and statuses to `connector.api.exceptions`. Paths, bodies and what
an answer means belong to the clients that inherit from `ApiClient`.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO
from typing import Any, Protocol

import requests
from urllib3.exceptions import HTTPError

from connector.api.exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    ApiResponseError,
    ApiTimeoutError,
    AuthenticationError,
    ConflictError,
    ConnectorError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ServerError,
    UnexpectedResponseError,
)
from connector.api.parsing import clean
from connector.api.wire.addresses import Reach
from connector.api.wire.exchange import Exchange, Timeouts, exchanging
from connector.api.wire.transport import (
    Answer,
    FormPart,
    Multipart,
    new_session,
    retry_after,
)

logger = logging.getLogger(__name__)

_ERRORS_BY_STATUS: dict[int, type[ApiResponseError]] = {
    401: AuthenticationError,
    403: AccessDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitError,
}

# Statuses of a gateway that gave up waiting: behind it the work may have been done.
_CUT_OFF = (408, 425, 499)
_REPEAT_DELAY = 0.5  # seconds; a worker never sleeps longer than two
_CHUNK = 64 * 1024


class Limits(Protocol):
    """Lets calls through at the pace that all workers together are allowed."""

    def permit(self, name: str) -> AbstractContextManager[None]:
        """Hold a place for one call. Raises `RateLimitError` if it would be long."""

    def wait_for_place(self) -> None:
        """Return when a call could be made, without keeping a place for it.

        Raises as `permit` does.
        """

    def slow_down(self, seconds: float | None) -> None:
        """The other side said 429: nobody may call for a while."""


class Unlimited:
    """No limits: what tests and a limit of 0 use."""

    def permit(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def wait_for_place(self) -> None:
        return

    def slow_down(self, seconds: float | None) -> None:
        return


class ApiClient:
    """Calls one API with one set of credentials.

    `reach` says where it may call at all; `authorization` gives the header's value at
    each call; `secrets` are the strings that must never leave this object in a message.
    """

    system = "API"
    # What to do about refused credentials, said after the other side's own sentence.
    credentials_advice = ""

    def __init__(
        self,
        base_url: str,
        *,
        reach: Reach,
        authorization: Callable[[], str],
        secrets: Sequence[str] = (),
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._authorization = authorization
        self._secrets = [secret for secret in secrets if secret]
        self._timeouts = timeouts or Timeouts()
        self._limits: Limits = limits or Unlimited()
        self._session = new_session(reach)
        self._is_permitted = False
        # Called before each GET; what it raises ends the call before it is made.
        self.before_reading: Callable[[], None] = lambda: None

    def call(
        self,
        method: str,
        path: str,
        *,
        name: str = "",
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        body: Any = None,
        files: Sequence[FormPart] | None = None,
        max_bytes: int = 256 * 1024 * 1024,
    ) -> Answer:
        """Make one call and return its 2xx answer.

        `name` is what limits know the call by. GETs are repeated once, after half a
        second, when the connection broke or the server failed; nothing else is.
        Raises the errors of `connector.api.exceptions`.
        """
        attempts = 1
        if method == "GET":
            attempts = 2
            self.before_reading()
        for attempt in range(1, attempts + 1):
            try:
                with self._permit(name):
                    return self._once(method, path, params, body, files, max_bytes)
            except RateLimitError as error:
                if error.status == 429:
                    self._limits.slow_down(error.retry_after)
                raise
            except (_BrokenConnectionError, ServerError):
                if attempt == attempts:
                    raise
                time.sleep(_REPEAT_DELAY * (1 + random.random()))  # noqa: S311
        raise AssertionError("unreachable")  # pragma: no cover

    def wait_for_place(self) -> None:
        """Before something is got ready for a call that may not be made soon.

        Raises `RateLimitError` if it would be long.
        """
        self._limits.wait_for_place()

    @contextmanager
    def permitted(self) -> Iterator[None]:
        """Take the permit of the next call now, and hold it until the end.

        What must be on record before the call is then not put there in vain. Raises
        `RateLimitError` if it would be long. For one thread at a time.
        """
        with self._limits.permit(""):
            self._is_permitted = True
            try:
                yield
            finally:
                self._is_permitted = False

    def _permit(self, name: str) -> AbstractContextManager[None]:
        if self._is_permitted:
            self._is_permitted = False
            return nullcontext()
        return self._limits.permit(name)

    def redact(self, text: str) -> str:
        """The text without this client's secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        return text

    def explain(self, answer: Answer) -> tuple[str, str]:
        """The other side's (code, sentence) in an answer that says no."""
        return "", clean(answer.text, 500)

    def error_type(self, answer: Answer, detail: str) -> type[ApiResponseError]:
        """Which error an answer of 400 and above is."""
        if answer.status >= 500 or answer.status in _CUT_OFF:
            return ServerError
        return _ERRORS_BY_STATUS.get(answer.status, InvalidRequestError)

    def _once(
        self,
        method: str,
        path: str,
        params: Any,
        body: Any,
        files: Any,
        max_bytes: int,
    ) -> Answer:
        url = f"{self.base_url}/{path.lstrip('/')}"
        started = time.monotonic()
        headers = self._headers(has_body=body is not None)
        data: Any = json.dumps(body).encode() if body is not None else b""
        if files:
            data = Multipart(files)
            headers["Content-Type"] = data.content_type
        with exchanging(self._timeouts, len(data)) as exchange:
            try:
                response = self._session.request(
                    method,
                    url,
                    params=params,
                    data=data or None,
                    headers=headers,
                    timeout=(self._timeouts.connect, self._timeouts.answer),
                    allow_redirects=False,
                    stream=True,
                )
                with response:
                    content = self._read(response, max_bytes)
            except (requests.RequestException, HTTPError) as error:
                fault = self._transport_error(error, exchange)
                logger.warning("%s %s: %s", method, path, type(fault).__name__)
                raise fault from error
        logger.debug(
            "%s %s → %s, %d bytes, %.0f ms",
            method,
            path,
            response.status_code,
            len(content),
            (time.monotonic() - started) * 1000,
        )
        answer = Answer(response.status_code, response.headers, content, self.system)
        if not 200 <= answer.status < 300:
            raise self._response_error(answer)
        return answer

    def _headers(self, *, has_body: bool) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "Authorization": self._authorization(),
            "User-Agent": "pex-connector-for-cmic",
        }
        if has_body:
            headers["Content-Type"] = "application/json"
        return headers

    def _read(self, response: requests.Response, max_bytes: int) -> bytes:
        """The body, bounded in size; its time is bounded by the exchange."""
        # Hands its content over without a copy: an answer may have 50 MB.
        body = BytesIO()
        # As much as there is, not until a chunk is full: a server that drips would
        # never be looked at.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body.write(chunk)
            if body.tell() > max_bytes:
                raise UnexpectedResponseError(
                    f"{self.system} answered with more than {max_bytes} bytes.",
                    system=self.system,
                    status=response.status_code,
                )
        return body.getvalue()

    def _transport_error(self, error: Exception, exchange: Exchange) -> ConnectorError:
        """Certain where no byte of the request left, a doubt everywhere else."""
        if isinstance(error, requests.exceptions.InvalidURL):
            return ApiConnectionError(
                f"{self.base_url} is not called: {error}", system=self.system
            )
        # One sentence, whatever is there: another for each would tell who reads it
        # what the network of this server looks like.
        if not exchange.has_begun:
            return ApiConnectionError(
                f"{self.system} could not be reached at {self.base_url}.",
                system=self.system,
            )
        if exchange.late:
            what = {
                "request": "did not take the whole request",
                "answer": "did not answer",
            }[exchange.late]
            return ApiTimeoutError(
                f"{self.system} {what} within {exchange.seconds(exchange.late):g} "
                "seconds.",
                system=self.system,
            )
        return _BrokenConnectionError(
            f"The connection to {self.system} broke before its answer was complete.",
            system=self.system,
        )

    def _response_error(self, answer: Answer) -> ConnectorError:
        if answer.status < 400:
            return UnexpectedResponseError(
                f"{self.system} answered {answer.status}, a redirect, "
                "which is not followed.",
                system=self.system,
                status=answer.status,
                body=self.redact(answer.text[:2000]),
            )
        code, detail = self.explain(answer)
        detail = self.redact(detail)
        ending = f": {detail}" if detail else "."
        error_type = self.error_type(answer, detail)
        if error_type is AuthenticationError and self.credentials_advice:
            ending = f"{ending.rstrip('.')}. {self.credentials_advice}"
        return error_type(
            f"{self.system} answered {answer.status}{ending}",
            system=self.system,
            status=answer.status,
            detail=detail,
            code=code,
            request_id=answer.headers.get("X-ORACLE-DMS-ECID", ""),
            retry_after=retry_after(
                answer.headers.get("Retry-After"), answer.headers.get("Date")
            ),
        )


class _BrokenConnectionError(ApiTimeoutError):
    """Reset or cut off: worth repeating at once where repeating is safe."""
