"""The tags of one purchase, and the splits among them (api/pex.md §2.5).

A split that cannot be read is told in words and never taken for an ordinary tag: the
purchase would be booked whole, on codes that nobody chose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connector.api.parsing import parse_json
from connector.api.pex.reading import (
    FractionError,
    UnreadableError,
    read_amount,
    read_code,
    read_text,
)

# A text may just begin with a brace, but does not name these.
_NAMES = re.compile(r"""["'](Allocation|TagId)\\*["']\s*:""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TagValue:
    """One tag chosen on a purchase or on a split; `value` is None if unreadable."""

    tag_id: str
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Split:
    """One allocation of a purchase. `amount` is positive, None if unreadable; `exact`
    is then what PEX said, if that is a number with a fraction of a cent."""

    amount: Decimal | None
    tags: tuple[TagValue, ...]
    exact: Decimal | None = None


@dataclass(slots=True)
class ChosenTags:
    """Plain tags and splits; `odd_splits` says of each fault in a split what it is, as
    the end of a sentence that begins with “A split”. Other entries that cannot be read
    make it not `is_readable`."""

    tags: list[TagValue] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)
    odd_splits: list[str] = field(default_factory=list)
    is_readable: bool = True


def read_tags(data: Any) -> ChosenTags:
    """What a row's TransactionTags hold.

    Several entries with one FieldId are the lines of an allocation; the value of each
    is an object, or the same as text.
    """
    read = ChosenTags()
    if isinstance(data, Mapping):
        has_none = not data or data.get("State") == "Initial"
        entries = data.get("Tags", [] if has_none else "")
    else:
        entries = data
    if entries is None:
        return read
    if not isinstance(entries, list):
        read.is_readable = False
        return read
    for entry in entries:
        if isinstance(entry, Mapping):
            _read_entry(entry, read)
        else:
            read.is_readable = False
    return read


def _read_entry(entry: Mapping[str, Any], read: ChosenTags) -> None:
    value = entry.get("Value")
    if _is_split(value):
        try:
            read.splits.append(_read_split(value, read.odd_splits))
        except UnreadableError as error:
            read.odd_splits.append(str(error))
        return
    text = _text(value) if value is not None else ""
    if text != "":
        tag_id, name = read_text(entry.get("FieldId")), read_text(entry.get("Name"))
        read.tags.append(TagValue(tag_id, name, text))


def _is_split(value: Any) -> bool:
    """Only splits are objects; as text they name what they consist of."""
    if isinstance(value, list):
        return any(isinstance(each, Mapping) for each in value)
    if isinstance(value, str):
        return value.lstrip()[:1] in ("{", "[", '"') and bool(_NAMES.search(value))
    return isinstance(value, Mapping)


def _read_split(value: Any, faults: list[str]) -> Split:
    """Raises `UnreadableError` where it has no tags; faults of its amount are noted."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError as error:
            raise UnreadableError("is not the JSON that it should be") from error
    entries = value.get("Allocation") if isinstance(value, Mapping) else None
    if not isinstance(entries, list):
        raise UnreadableError("has no list of tags")
    tags = []
    for entry in entries:
        tag_id = read_text(entry.get("TagId")) if isinstance(entry, Mapping) else ""
        if not tag_id:
            raise UnreadableError("has a value without the tag that it is of")
        text = _text(entry["Value"]) if entry.get("Value") is not None else ""
        if text != "":
            tags.append(TagValue(tag_id, read_text(entry.get("Name")), text))
    amount, exact = _read_positive(value.get("Amount"), faults)
    return Split(amount, tuple(tags), exact)


def _read_positive(
    value: Any, faults: list[str]
) -> tuple[Decimal | None, Decimal | None]:
    """`amount` and `exact` of a split; the sign comes from the purchase."""
    try:
        amount = read_amount(value)
    except FractionError as error:
        said = f"has “{read_text(value, numbers=True)[:40]}” for an amount"
        faults.append(f"{said}, which has a fraction of a cent")
        return None, error.exact if error.exact > 0 else None
    except UnreadableError:
        amount = None
    if amount is not None and amount >= 0:
        return amount, None
    if value is None:
        faults.append("has no amount")
    elif amount is not None:
        faults.append(f"has a negative amount, {amount}")
    else:
        said = read_text(value, numbers=True)[:40]
        faults.append(
            f"has “{said}” for an amount" if said else "has no amount that can be read"
        )
    return None, None


def _text(value: Any) -> str | None:
    """Dropdowns and texts are strings, decimals numbers, yes/no tags booleans."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, int, Decimal)):
        return read_code(value)
    return None
