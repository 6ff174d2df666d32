"""The trouble CMiC can make, by name, and where in a request it strikes.

Which requests a fault concerns is decided by its keys: the path, and for uploads the
invoice number, for look-ups the text of `q`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from werkzeug import Request, Response

from tests.simulators.cmic.access import unauthorised_response
from tests.simulators.cmic.errors import (
    NEXUS,
    NOT_LICENSED,
    RefusalError,
    maintenance_response,
    ora_text,
    refusal_response,
    text_response,
)
from tests.simulators.exact_json import json_response
from tests.simulators.faults import Fault, Faults
from tests.simulators.server import ConnectionDroppedError

FAULTS = (
    "error_in_ok",
    "filter_ignored",
    "forbidden",
    "garbage_ok",
    "last_page",
    "list_changes",
    "lookup_error",
    "maintenance",
    "not_licensed",
    "offset_ignored",
    "redirect",
    "refuse_upload",
    "reset_after_store",
    "reset_before_store",
    "server_error",
    "server_error_after_store",
    "throttled",
    "timeout_after_store",
    "timeout_before_store",
    "unauthorised",
    "unsorted",
)
GATEWAY_CUT = 60.0
REASONS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable"}


class Trouble:
    """Each method answers with the failure that is on there, or None to go on."""

    def __init__(
        self,
        faults: Faults,
        pause: Callable[[float], None],
        now: Callable[[], datetime],
    ) -> None:
        self._faults = faults
        self._pause = pause
        self._now = now

    def before_access(self, request: Request, keys: list[str]) -> Response | None:
        if fault := self._faults.take("maintenance", *keys):
            return maintenance_response(fault.get("status", 503))
        if fault := self._faults.take("redirect", *keys):
            login = f"http://{request.host}/login"
            return Response("", 302, headers={"Location": fault.get("location", login)})
        if fault := self._faults.take("throttled", *keys):
            return _wait(text_response(429, "Too Many Requests"), fault)
        if fault := self._faults.take("server_error", *keys):
            return _server_error(fault)
        if self._faults.take("unauthorised", *keys):
            return unauthorised_response()
        return None

    def with_rights(self, path: str, keys: list[str]) -> Response | None:
        module = path.split("/")[0].removesuffix("restapi").removesuffix("-rest-api")
        if self._faults.take("forbidden", *keys, module=module):
            denied = "User does not have access to this API."
            return refusal_response(
                RefusalError(denied, "WSD-0000", 403), NEXUS, self._now()
            )
        if self._faults.take("not_licensed", *keys, module=module):
            return text_response(400, ora_text("NO-ERROR-CODE", NOT_LICENSED))
        return None

    def before_store(self, keys: list[str]) -> Response | None:
        if fault := self._faults.take("reset_before_store", *keys):
            self._drop(fault)
        if fault := self._faults.take("timeout_before_store", *keys):
            self._drop(fault, GATEWAY_CUT)
        if fault := self._faults.take("refuse_upload", *keys):
            raise RefusalError(fault.get("message", "Period is closed."))
        if fault := self._faults.take("error_in_ok", *keys):
            message = fault.get("message", "Required field missing: Invoice Number")
            body = fault.get("body", {"status": "Error", "errorMessage": message})
            if isinstance(body, str):
                return text_response(200, body)
            return json_response(body)
        if self._faults.take("garbage_ok", *keys, stored=False):
            return maintenance_response(200)
        return None

    def after_store(self, keys: list[str]) -> Response | None:
        if fault := self._faults.take("reset_after_store", *keys):
            self._drop(fault)
        if fault := self._faults.take("timeout_after_store", *keys):
            self._drop(fault, GATEWAY_CUT)
        if fault := self._faults.take("server_error_after_store", *keys):
            return _server_error(fault)
        if self._faults.take("garbage_ok", *keys, stored=True):
            return maintenance_response(200)
        return None

    def _drop(self, fault: Fault, seconds: float = 0.0) -> None:
        self._pause(fault.get("seconds", seconds))
        raise ConnectionDroppedError

    def of_look_up(self, keys: list[str]) -> Response | None:
        fault = self._faults.take("lookup_error", *keys)
        if fault is None:
            return None
        if fault.get("drop"):
            self._drop(fault)
        return _server_error(fault)


def _server_error(fault: Fault) -> Response:
    status = int(fault.get("status", 500))
    return _wait(text_response(status, REASONS.get(status, "Error")), fault)


def _wait(answer: Response, fault: Fault) -> Response:
    """The answer, with the wait that the fault tells, if it does."""
    if (seconds := fault.get("retry_after")) is not None:
        answer.headers["Retry-After"] = str(seconds)
    return answer
