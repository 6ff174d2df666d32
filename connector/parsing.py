"""Reading what others send without being hurt by it: JSON with exact numbers, and text
that a database can hold. (No Django.)
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

_LONGEST_NUMBER = 40


def parse_json(text: str | bytes) -> Any:
    """JSON with every fraction as a Decimal.

    A number that is none, or no sensible one, stays the text that it was: it costs the
    field it stands in and not the whole answer. Raises `ValueError`.
    """
    try:
        return json.loads(
            text, parse_float=_fraction, parse_int=_integer, parse_constant=str
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def clean(text: str, limit: int) -> str:
    """One line without control characters or broken letters, cut at `limit`."""
    # Cut first: a text of a megabyte should not be walked for its first line.
    text = text[: limit * 4]
    printable = (char if char.isprintable() else " " for char in text)
    return "".join(printable).strip()[:limit]


def _fraction(text: str) -> Decimal | str:
    if len(text) > _LONGEST_NUMBER:
        return text
    try:
        return Decimal(text)
    except ArithmeticError:
        return text


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_NUMBER else text
