"""How CMiC says no: the bodies of its errors, before and after Nexus.

Which error applies is left to who raises it.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from werkzeug import Response

from tests.simulators.exact_json import json_response

NEXUS = "nexus"
LEGACY = "legacy"
ORA = "ora"
OK_WITH_ERROR = "ok_with_error"
ERROR_MODES = (NEXUS, LEGACY, ORA, OK_WITH_ERROR)

NOT_LICENSED = "You are not licensed to use this API program"


class RefusalError(Exception):
    """A request that CMiC refuses, with the sentence it gives."""

    def __init__(self, message: str, code: str = "AP-0000", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


def text_response(status: int, text: str = "") -> Response:
    return Response(text, status, content_type="text/plain")


def ora_text(code: str, message: str) -> str:
    return (
        f"ORA-20001: <CMIC_ERR_CODE>{code}</CMIC_ERR_CODE>"
        f"<CMIC_ERR_MSG>{message}</CMIC_ERR_MSG>"
    )


def refusal_response(error: RefusalError, mode: str, now: datetime) -> Response:
    if mode not in ERROR_MODES:
        raise ValueError(f"unknown error mode {mode!r}")
    if mode == LEGACY:
        return text_response(error.status, error.message)
    if mode == ORA:
        return text_response(error.status, ora_text(error.code, error.message))
    if mode == OK_WITH_ERROR:
        return json_response({"status": "Error", "errorMessage": error.message})
    return json_response(_nexus_body(error, now), error.status)


def _nexus_body(error: RefusalError, now: datetime) -> dict[str, object]:
    return {
        "uuid": str(uuid.uuid4()),
        "status": "Error",
        "errorCode": error.code,
        "errorMessage": error.message,
        "timestamp": f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03}",
        "moreDetails": {"ecid": f"{uuid.uuid4()}-00001a2b"},
    }


def maintenance_response(status: int) -> Response:
    page = (
        "<!DOCTYPE html><html><head><title>Scheduled maintenance</title></head>"
        "<body><h1>CMiC is being updated</h1><p>Please come back later.</p></body>"
        "</html>"
    )
    return Response(page, status, content_type="text/html; charset=utf-8")
