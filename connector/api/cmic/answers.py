"""What CMiC's answer to an upload says: yes with a proof, an error, or neither.

CMiC documents no shape of a success (api/cmic.md §8), and its services were known for a
200 that carries an error. So signs of an error count at any depth and in any spelling,
and a yes is one only with an id that CMiC gives to what it has stored. Pure.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

from connector.api.parsing import clean

_ORACLE_MESSAGE = re.compile(r"<CMIC_ERR_MSG>(.*?)</CMIC_ERR_MSG>", re.DOTALL)
_ORACLE_ERROR = re.compile(r"ORA-\d{5}[^\n<]*")
_REFUSING = {"error", "errors", "fail", "failed", "failure", "rejected", "refused"}
_NOTHING = {"", "0", "null", "none", "false"}
# In the order in which they are believed to be the sentence for people.
_SENTENCES = ("errormessage", "errormsg", "message", "detail", "error", "title")
# More than any answer has; the rest of one that goes on for ever is not looked at.
_MOST_VALUES = 5000
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Verdict:
    """`invoice_uuid` and `image_id` prove that CMiC has stored it; empty where it names
    none. `sentence` is what it says in words, and means a no only with `is_error`."""

    invoice_uuid: str = ""
    image_id: str = ""
    is_error: bool = False
    sentence: str = ""
    code: str = ""

    @property
    def is_proven(self) -> bool:
        return not self.is_error and bool(self.invoice_uuid or self.image_id)


def verdict_of(body: str, data: Any) -> Verdict:
    """`data` is the body as JSON, None where it is none."""
    values = list(islice(_values(data), _MOST_VALUES))
    is_error = any(_is_sign(name, value) for name, value in values)
    sentence = _first(values, _SENTENCES)
    if found := _ORACLE_MESSAGE.search(body) or _ORACLE_ERROR.search(body):
        is_error = True
        sentence = clean(found.group(found.re.groups), _LONGEST)
    return Verdict(
        invoice_uuid=_first(values, ("aprivuuid",))[:64],
        image_id=_first(values, ("imageid",))[:64],
        is_error=is_error,
        sentence=sentence,
        code=_first(values, ("errorcode",)),
    )


def _values(data: Any) -> Iterator[tuple[str, Any]]:
    """Every named value at any depth, outer ones first."""
    waiting = deque([data])
    while waiting:
        each = waiting.popleft()
        if isinstance(each, Mapping):
            for name, value in each.items():
                yield re.sub(r"[\s_-]", "", str(name)).casefold(), value
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _is_sign(name: str, value: Any) -> bool:
    if name in ("status", "result", "state", "outcome"):
        return isinstance(value, str) and value.strip().casefold() in _REFUSING
    if name in ("success", "ok", "issuccess", "succeeded"):
        return value is False or str(value).strip().casefold() == "false"
    if name in ("error", "errors", "errormessage", "errormsg", "errorcode"):
        return not _is_nothing(value)
    return False


def _is_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in _NOTHING
    return not value


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, Decimal)) and not isinstance(value, bool)


def _first(values: list[tuple[str, Any]], names: tuple[str, ...]) -> str:
    """The first text or number among values of these names, the first name first."""
    for wanted in names:
        for name, value in values:
            if name == wanted and _is_plain(value) and not _is_nothing(value):
                return clean(str(value), _LONGEST)
    return ""
