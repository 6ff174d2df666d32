"""JSON in and out, with amounts as exact numbers; what is in it is left to each API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from werkzeug import Request, Response


def _exact_number(value: Any) -> int | float:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is not JSON")
    if value == value.to_integral_value():
        return int(value)
    number = float(value)
    # The text of a float is its shortest decimal, so this holds for any money.
    if Decimal(repr(number)) != value:
        raise ValueError(f"{value} does not survive as a JSON number")
    return number


def to_json(data: Any) -> str:
    """JSON text, Decimals as the numbers they are."""
    return json.dumps(data, default=_exact_number)


def read_json(request: Request) -> Any:
    """The body of the request, numbers as Decimal; raises ValueError if not JSON."""
    return json.loads(request.get_data(), parse_float=Decimal)


def json_response(
    data: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        to_json(data), status, headers=dict(headers or {}), mimetype="application/json"
    )
