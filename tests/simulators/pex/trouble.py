"""The trouble PEX can make, by name, and where in a request it strikes.

A fault's `match` is looked for in the path, the query, "METHOD path", and for notes in
the transaction id and the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from werkzeug import Request, Response

from tests.simulators.faults import Fault, Faults
from tests.simulators.pex.answers.errors import refusal_response
from tests.simulators.pex.tokens import EXPIRED
from tests.simulators.server import ConnectionDroppedError

FAULTS = (
    "attachment_error",
    "business_closed",
    "dependencies_off",
    "garbage_ok",
    "maintenance",
    "note_500_after_store",
    "note_500_before_store",
    "note_forbidden",
    "note_reset_after_store",
    "note_reset_before_store",
    "note_timeout_after_store",
    "purchases_forbidden",
    "purchases_missing",
    "reset",
    "server_error",
    "stale_list",
    "tags_off",
    "throttled",
    "timeout",
    "token_expired",
    "total_wrong",
)
GATEWAY_CUT = 60.0
USAGE_EXCEEDED = "Usage Limits Exceeded"
SERVER_ERROR = "An error has occurred."
PURCHASE_PATHS = "/v4/transactions/cardholder/"
TAG_PATHS = ("/v4/business/configuration/tag", "/v4/tags/")
OPEN_PATHS = ("/v4/ping", "/v4/token", "/internal/")


class PexFaults(Faults):
    """Faults that also know which note was the last when lists went stale."""

    def __init__(self, last_note_id: Callable[[], int]) -> None:
        super().__init__(FAULTS)
        self._last_note_id = last_note_id
        self.stale_after = 0

    def set(
        self,
        name: str,
        times: int | None = None,
        match: str | None = None,
        **params: Any,
    ) -> None:
        if name == "stale_list":
            self.stale_after = self._last_note_id()
        super().set(name, times, match, **params)

    def is_on(self, name: str) -> bool:
        return any(fault["name"] == name for fault in self.active())


class Trouble:
    """Each method answers with the failure that is on there, or None to go on."""

    def __init__(self, faults: PexFaults, pause: Callable[[float], None]) -> None:
        self._faults = faults
        self._pause = pause

    def before_access(self, request: Request) -> Response | None:
        keys = request_keys(request)
        if fault := self._faults.take("maintenance", *keys):
            return html_response(int(fault.get("status", 503)))
        if fault := self._faults.take("reset", *keys):
            self._drop(fault)
        if fault := self._faults.take("timeout", *keys):
            self._drop(fault, GATEWAY_CUT)
        if fault := self._faults.take("throttled", *keys):
            return usage_response(fault.get("retry_after"))
        if fault := self._faults.take("server_error", *keys):
            return refusal_response(int(fault.get("status", 500)), SERVER_ERROR)
        if self._faults.take("garbage_ok", *keys):
            return html_response(200)
        return None

    def with_token(self, request: Request) -> Response | None:
        keys = request_keys(request)
        path = request.path.lower()
        if fault := self._faults.take("token_expired", *keys):
            return refusal_response(int(fault.get("status", 401)), EXPIRED)
        if not path.startswith(OPEN_PATHS) and self._faults.take(
            "business_closed", *keys
        ):
            return refusal_response(403, "Business is not open")
        if path.startswith(PURCHASE_PATHS):
            return self._of_purchases(keys)
        if _is_about_tags(path) and self._faults.take("tags_off", *keys):
            message = "This business does not support the Tags Feature"
            return refusal_response(403, message)
        return None

    def _of_purchases(self, keys: list[str]) -> Response | None:
        if self._faults.take("purchases_forbidden", *keys):
            return refusal_response(403, "Access is denied")
        if self._faults.take("purchases_missing", *keys):
            return refusal_response(404, "No HTTP resource was found")
        return None

    def before_note(self, keys: list[str]) -> Response | None:
        if self._faults.take("note_forbidden", *keys):
            message = "You do not have the ModifyTransactionNotes permission"
            return refusal_response(403, message)
        if fault := self._faults.take("note_reset_before_store", *keys):
            self._drop(fault)
        if self._faults.take("note_500_before_store", *keys):
            return refusal_response(500, SERVER_ERROR)
        return None

    def after_note(self, keys: list[str]) -> Response | None:
        if fault := self._faults.take("note_reset_after_store", *keys):
            self._drop(fault)
        if fault := self._faults.take("note_timeout_after_store", *keys):
            self._drop(fault, GATEWAY_CUT)
        if self._faults.take("note_500_after_store", *keys):
            return refusal_response(500, SERVER_ERROR)
        return None

    def of_attachment(self, keys: list[str]) -> Response | None:
        if fault := self._faults.take("attachment_error", *keys):
            return refusal_response(int(fault.get("status", 500)), SERVER_ERROR)
        return None

    def hide_notes_after(self, keys: list[str]) -> int | None:
        """The last note that a list may show, or None when all are shown."""
        if self._faults.take("stale_list", *keys):
            return self._faults.stale_after
        return None

    def _drop(self, fault: Fault, seconds: float = 0.0) -> NoReturn:
        self._pause(float(fault.get("seconds", seconds)))
        raise ConnectionDroppedError


def request_keys(request: Request) -> list[str]:
    query = request.query_string.decode("utf-8", "replace")
    return [request.path, query, f"{request.method} {request.path}"]


def _is_about_tags(path: str) -> bool:
    of_transaction = path.startswith("/v4/transactions/") and path.endswith("/tags")
    return of_transaction or path.startswith(TAG_PATHS)


def usage_response(retry_after: Any = None) -> Response:
    response = refusal_response(429, USAGE_EXCEEDED)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def html_response(status: int) -> Response:
    page = "<html><body><h1>We'll be right back</h1></body></html>"
    return Response(page, status, mimetype="text/html")
