"""Reading single values out of PEX's JSON, which may hold anything at all.

Each reader returns a clean value, None (or empty) for an absent one, and raises
`UnreadableError` for a value that is there and is not of its kind.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from connector.api.code_texts import alike, exact
from connector.api.parsing import cents, clean, read_number

EASTERN = ZoneInfo("America/New_York")

_EARLIEST_YEAR, _LATEST_YEAR = 2000, 2100
_TEXT_LIMIT = 200
_MAX_ID = 2**63 - 1
_TRUE, _FALSE = ("true", "1"), ("false", "0")

T = TypeVar("T")


class UnreadableError(ValueError):
    """A value is there and is not of its kind."""


class FractionError(UnreadableError):
    """An amount has a fraction of a cent; `exact` is what was said."""

    def __init__(self, exact: Decimal) -> None:
        super().__init__("not whole cents")
        self.exact = exact


def read_text(value: Any, *, numbers: bool = False) -> str:
    """The text without control characters, cut at 200; anything else is empty.

    `numbers` accepts a number for a text, as codes are sometimes sent.
    """
    if numbers and isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    return clean(value, _TEXT_LIMIT)


def read_code(value: Any) -> str:
    """A tag's value to the character, as `exact` keeps it; also a number, as codes are
    sometimes sent. What nobody sees, and anything else, is empty."""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        value = str(value)
    kept = exact(value, _TEXT_LIMIT) if isinstance(value, str) else ""
    return kept if alike(kept) else ""


def read_id(value: Any) -> int | None:
    """A positive 64-bit number, also from digits in a text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value) if len(value) <= 19 else 0
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_ID:
        return value
    return None


def read_amount(value: Any) -> Decimal | None:
    """Money with two decimals, without the noise of floats (`cents`).

    Raises `UnreadableError` otherwise, of which `FractionError` names a number that is
    no money.
    """
    if value is None:
        return None
    try:
        number = read_number(value)
    except ValueError as error:
        raise UnreadableError("not an amount") from error
    amount = cents(number)
    if amount is None:
        raise FractionError(number)
    return amount


def read_eastern(value: Any) -> datetime | None:
    """An aware UTC moment from PEX's Eastern wall-clock text (§1.5).

    In the hour that autumn repeats, the first of the two is meant (§10, 32).
    """
    return _read_moment(value, EASTERN)


def read_utc(value: Any) -> datetime | None:
    """An aware UTC moment from one of PEX's fields whose names end in Utc (§1.5)."""
    return _read_moment(value, UTC)


def _read_moment(value: Any, zone: tzinfo) -> datetime | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > 40:
        raise UnreadableError("not a moment")
    try:
        moment = datetime.fromisoformat(value)
        if not _EARLIEST_YEAR <= moment.year <= _LATEST_YEAR:
            raise UnreadableError("not a moment of our time")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UnreadableError("not a moment") from error


def read_flag(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    text = str(value).casefold() if isinstance(value, (str, int)) else ""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise UnreadableError("neither true nor false")


def read_type(value: Any) -> str | None:
    """The name of a transaction's type. A number may stand for one (§1.4), but nobody
    documents which number for which: it is unreadable, and never guessed."""
    if value is None:
        return None
    if not isinstance(value, str) or value.strip().isdigit():
        raise UnreadableError("not the name of a type")
    return read_text(value).casefold() or None


def read_word(value: Any) -> str:
    """A state's name: PEX writes "NotReviewed" as well as "Not Reviewed" (§10, 11)."""
    return read_text(value).replace(" ", "").casefold()


def read_or_none(read: Callable[[Any], T], value: Any) -> T | None:
    """The value where it can be read; None where nothing hangs on it."""
    try:
        return read(value)
    except UnreadableError:
        return None
