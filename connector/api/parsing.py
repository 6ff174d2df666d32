"""Reading what others send without being hurt by it: JSON with exact numbers, money
with the noise of floats taken off, and text that a database can hold. (No Django.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

_LONGEST_NUMBER = 40
# A float written out whole has up to 52 decimals.
_LONGEST_AMOUNT = 80
_AMOUNT = re.compile(
    r"[+-]?(\d{1,20}\.?\d*|\.\d+)(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE
)
_MAX_AMOUNT = Decimal("9999999999.99")
_CENT = Decimal("0.01")
_NOISE = Decimal("0.000001")


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


def parse_rows(body: bytes, name: str) -> tuple[Any, Iterator[Any]]:
    """A JSON object without its member `name`, and the elements of that list.

    Each is parsed when it is asked for, because 30,000 parsed rows at once are most of
    what a worker would hold. A row that cannot be parsed is None. Raises `ValueError`
    for what is no JSON, or has no list there; null is an empty one.
    """
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        listed = members.pop(name)
        rows = msgspec.json.decode(listed, type=list[msgspec.Raw] | None)
    except (msgspec.MsgspecError, RecursionError):
        # Stricter than `parse_json`, which takes a NaN for a text.
        data = parse_json(body)
        found = data.pop(name, "") if isinstance(data, dict) else ""
        if found is not None and not isinstance(found, list):
            raise ValueError(f"there is no list {name}") from None
        return data, iter(found or ())
    except KeyError:
        raise ValueError(f"there is no list {name}") from None
    rest = {key: parse_json(bytes(value)) for key, value in members.items()}
    return rest, (_parse_or_none(bytes(row)) for row in rows or ())


def clean(text: str, limit: int) -> str:
    """One line without control characters or broken letters, cut at `limit`."""
    # Cut first: a text of a megabyte should not be walked for its first line.
    text = text[: limit * 4]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return text.strip()[:limit]


def read_number(value: Any) -> Decimal:
    """The number exactly as it was said, also in a text; `cents` makes money of it.

    Raises `ValueError` for what is none, is not finite or is no sum of money.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise ValueError("not an amount")
    if isinstance(value, str):
        value = value.strip()
        # Python would take “1_000” too, and a part of a long one is another amount.
        if len(value) > _LONGEST_AMOUNT or not _AMOUNT.fullmatch(value):
            raise ValueError("not an amount")
    number = Decimal(value)
    # Without arithmetic, which would fail for a huge exponent.
    if not number.is_finite() or number.copy_abs() > _MAX_AMOUNT:
        raise ValueError("not an amount")
    return number


def cents(number: Decimal) -> Decimal | None:
    """Money of two decimals; None for a real fraction of a cent.

    Whoever reckons with floats sends 29.599999999999994 for 29.60. That is off by far
    less than the millionth that is allowed here, and a third of a cent by far more.
    """
    money = number.quantize(_CENT)
    if abs(money - number) > _NOISE:
        return None
    # No minus before a zero.
    return money if money else money.copy_abs()


def _parse_or_none(text: bytes) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return None


def _fraction(text: str) -> Decimal | str:
    if len(text) > _LONGEST_NUMBER:
        return text
    try:
        return Decimal(text)
    except ArithmeticError:
        return text


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_NUMBER else text


def is_storable(value: Any) -> bool:
    """Whether a database takes it: neither NUL nor half a character, nor a fraction."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, TypeError, RecursionError):
        return False
    return "\\u0000" not in text
