"""The query parameters of ADF collections: `q`, `fields`, `orderBy`, `limit`, `offset`.

Works on rows of Python values; which rows there are, and finders, are left to others.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from tests.simulators.cmic.errors import RefusalError

Row = dict[str, Any]
Predicate = Callable[[Row], bool]

EASTERN = ZoneInfo("America/New_York")
DEFAULT_LIMIT = 25
LARGEST_LIMIT = 1000

TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^']|'')*'|"[^"]*")
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<sign><>|!=|>=|<=|=|<|>)
      | (?P<bracket>[()])
    )""",
    re.VERBOSE,
)
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def read_moment(text: str) -> datetime:
    """An ISO date or moment; without an offset it is Eastern time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusalError(f"JBO-25009: Cannot convert {text} to a date") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=EASTERN)


def parse_q(text: str, attributes: frozenset[str]) -> Predicate:
    """The condition that `q` states; raises RefusalError when it cannot be read."""
    return _Parser(text, attributes).parse()


class _Parser:
    def __init__(self, text: str, attributes: frozenset[str]) -> None:
        self._attributes = attributes
        self._tokens = list(_tokens(text))
        self._next = 0

    def parse(self) -> Predicate:
        condition = self._any()
        if self._next < len(self._tokens):
            raise _unreadable(self._peek()[1])
        return condition

    def _any(self) -> Predicate:
        terms = [self._all()]
        while self._takes("word", "or"):
            terms.append(self._all())
        return lambda row: any(term(row) for term in terms)

    def _all(self) -> Predicate:
        terms = [self._one()]
        while self._takes("word", "and"):
            terms.append(self._one())
        return lambda row: all(term(row) for term in terms)

    def _one(self) -> Predicate:
        if self._takes("bracket", "("):
            inner = self._any()
            if not self._takes("bracket", ")"):
                raise _unreadable(self._peek()[1])
            return inner
        attribute = self._take("word")
        if attribute not in self._attributes:
            raise RefusalError(f"JBO-25058: Attribute {attribute} is not found")
        compare = SIGNS[self._take("sign")]
        kind, literal = self._peek()
        if kind not in ("string", "number"):
            raise _unreadable(literal)
        self._next += 1
        return _comparison(attribute, compare, _unquoted(literal))

    def _peek(self) -> tuple[str, str]:
        if self._next < len(self._tokens):
            return self._tokens[self._next]
        return "end", "end of text"

    def _take(self, kind: str) -> str:
        found, text = self._peek()
        if found != kind:
            raise _unreadable(text)
        self._next += 1
        return text

    def _takes(self, kind: str, text: str) -> bool:
        found, actual = self._peek()
        if found == kind and actual.lower() == text:
            self._next += 1
            return True
        return False


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = TOKEN.match(stripped, position)
        if match is None:
            raise _unreadable(stripped[position:])
        tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
        position = match.end()
    return tokens


def _unquoted(literal: str) -> str:
    if literal[0] == "'":
        return literal[1:-1].replace("''", "'")
    return literal.strip('"')


def _unreadable(text: str) -> RefusalError:
    return RefusalError(f"JBO-27122: Error in query expression near: {text}")


def _comparison(
    attribute: str, compare: Callable[[Any, Any], bool], literal: str
) -> Predicate:
    def holds(row: Row) -> bool:
        value = row[attribute]
        return value is not None and compare(value, _same_kind(value, literal))

    return holds


def _same_kind(value: Any, literal: str) -> Any:
    if isinstance(value, datetime):
        return read_moment(literal)
    if isinstance(value, int | Decimal):
        try:
            return Decimal(literal)
        except InvalidOperation:
            raise RefusalError(f"JBO-25009: {literal} is not a number") from None
    return literal


@dataclass(frozen=True)
class Page:
    rows: list[Row]
    limit: int
    offset: int
    total: int

    @property
    def has_more(self) -> bool:
        return self.offset + len(self.rows) < self.total


def cut_page(rows: list[Row], args: Mapping[str, str]) -> Page:
    limit = _whole(args, "limit", DEFAULT_LIMIT)
    offset = _whole(args, "offset", 0)
    if limit > LARGEST_LIMIT:
        raise RefusalError(
            f"Limit exceeds the maximum of {LARGEST_LIMIT}", "NO-ERROR-CODE"
        )
    return Page(rows[offset : offset + limit], limit, offset, len(rows))


def _whole(args: Mapping[str, str], name: str, default: int) -> int:
    text = args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or (name == "limit" and int(text) < 1):
        raise RefusalError(f"URL request parameter {name} has an invalid value {text}")
    return int(text)


def order_rows(
    rows: list[Row], order_by: str, *, has_default: bool, attributes: frozenset[str]
) -> list[Row]:
    """The rows in the order asked; `default` exists only for some resources."""
    if order_by == "default":
        if not has_default:
            raise RefusalError("orderBy=default is not available for this resource")
        return rows
    ordered = list(rows)
    for part in reversed(order_by.split(",")):
        attribute, _, direction = part.strip().partition(":")
        if attribute not in attributes or direction not in ("", "asc", "desc"):
            raise RefusalError(f"orderBy cannot be applied: {part}")
        ordered.sort(key=_sort_key(attribute), reverse=direction == "desc")
    return ordered


def _sort_key(attribute: str) -> Callable[[Row], tuple[bool, Any]]:
    def key(row: Row) -> tuple[bool, Any]:
        value = row[attribute]
        return (True, "") if value is None else (False, value)

    return key


def pick_fields(text: str, attributes: frozenset[str]) -> list[str]:
    fields = [name.strip() for name in text.split(",") if name.strip()]
    for name in fields:
        if name not in attributes:
            raise RefusalError(f"JBO-25058: Attribute {name} is not found")
    return fields
