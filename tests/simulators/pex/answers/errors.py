"""Refusals in the form PEX gives them."""

from __future__ import annotations

from werkzeug import Response

from tests.simulators.exact_json import json_response


class RefusalError(Exception):
    """A request PEX answers with a status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def refusal_response(status: int, message: str) -> Response:
    return json_response({"Message": message}, status)


def invalid(message: str) -> RefusalError:
    return RefusalError(400, message)


def no_transaction() -> RefusalError:
    return RefusalError(404, "Transaction not found")
