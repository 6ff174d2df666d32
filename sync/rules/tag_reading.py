"""Which code a tag's value stands for, whether PEX holds an option's Value or its name,
and however it was typed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connector.api.cmic.types import CodeKind
from connector.api.code_texts import alike, folded
from connector.api.pex.types import TagOption


@dataclass(frozen=True, slots=True)
class Meaning:
    """The code that a person, `by`, said that a tag's `value` means."""

    code: str
    value: str
    by: str


@dataclass(frozen=True)
class Meanings:
    """What people said that values mean which are no codes of CMiC's: of all purchases
    by kind and value, and of one by its transaction too. Values are folded."""

    of_all: Mapping[tuple[str, str], Meaning] = field(default_factory=dict)
    of_one: Mapping[tuple[int, str, str], Meaning] = field(default_factory=dict)

    def of(self, transaction_id: int, kind: CodeKind, value: str) -> Meaning | None:
        """That of the purchase's own, or else of all."""
        key = folded(value)
        mine = self.of_one.get((transaction_id, str(kind), key))
        return mine or self.of_all.get((str(kind), key))


class TagReader:
    """Tells which code a tag's value stands for; built once for many purchases."""

    def __init__(
        self,
        options: Iterable[TagOption],
        adopted: Mapping[str, str] | None = None,
        former: Mapping[str, str] | None = None,
    ) -> None:
        self._codes = dict(former or {})
        listed = list(options)
        known = adopted or {}
        codes = {
            option.value.casefold(): known.get(option.value.casefold())
            # As earlier releases kept it.
            or known.get(alike(option.value).casefold(), option.value)
            for option in listed
        }
        # What is put in later counts more: a Value more than a name, a name that an
        # option has more than one that an option had.
        self._codes |= {
            option.name.casefold(): codes[option.value.casefold()]
            for option in listed
            if option.name
        }
        self._codes |= codes
        self._codes |= known
        self._alike = _told_apart(self._codes)

    def code_of(self, value: str) -> str:
        """PEX may hold an option's Value or its Name; the order of matching is
        api/pex.md §5.3: Value, Name, then the part after the last colon. Disabled
        options count: they may have been chosen while they were enabled."""
        for wanted in (value, value.rpartition(":")[2].strip()):
            if found := self._codes.get(wanted.casefold()):
                return found
            if found := self._like(wanted):
                return found
        return value

    def _like(self, wanted: str) -> str:
        """The code of the only text that looks like this one, if there is one."""
        plain = alike(wanted).casefold()
        return self._codes.get(plain) or self._alike.get(plain, "")


def _told_apart(codes: Mapping[str, str]) -> dict[str, str]:
    """The codes of texts that are not what they look like, by what they look like; none
    where two look the same and mean different codes."""
    found: dict[str, str] = {}
    for text, code in codes.items():
        if not text.isascii() and (plain := alike(text).casefold()) != text:
            found[plain] = code if found.get(plain, code) == code else ""
    return found
