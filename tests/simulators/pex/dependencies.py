"""Filters between dropdowns, where the choice in one narrows the options of another,
with the limits that PEX sets.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.simulators.pex.answers.asking import Body
from tests.simulators.pex.answers.errors import RefusalError, invalid
from tests.simulators.pex.answers.wire import eastern
from tests.simulators.pex.tags import TagBook

MOST_FILTERS = 10
LONGEST_CHAIN = 3
ADMIN_USER_ID = 551201
CONDITION_TYPE = "AnyOf"
# Who may say that a filter is theirs.
SOURCES = ("Aplos", "CMiC", "QuickBooks", "Sage Intacct")
UNKNOWN = "Unknown"
Row = dict[str, Any]


class Dependencies:
    def __init__(self, tag_book: TagBook, now: Callable[[], datetime]) -> None:
        self._tag_book = tag_book
        self._now = now
        self._lock = threading.Lock()
        self._rows: dict[str, Row] = {}
        self._made = 0

    def all(self) -> list[Row]:
        with self._lock:
            return list(self._rows.values())

    def of_child(self, child: str) -> list[Row]:
        self._tag_book.dropdown(child)
        return [row for row in self.all() if row["DependentTagId"] == child]

    def find(self, child: str, dependency: str) -> Row:
        for row in self.of_child(child):
            if row["DependencyId"] == dependency:
                return row
        raise RefusalError(404, "Dependency not found")

    def create(self, child: str, body: Body) -> Row:
        content = self._content(child, body)
        parent = content["DependsOnTagId"]
        with self._lock:
            self._refuse_beyond_limits(child, parent)
            self._made += 1
            identity = hashlib.sha256(f"{child}/{self._made}".encode()).hexdigest()[:24]
            self._rows[identity] = {
                "DependencyId": identity,
                "DependentTagId": child,
                "Name": self._name(child, parent),
                "Type": "OptionsDependency",
                "Created": self._stamp(),
                "Updated": None,
                **content,
            }
            return self._rows[identity]

    def replace(self, child: str, dependency: str, body: Body) -> Row:
        row = self.find(child, dependency)
        content = self._content(child, body)
        if content["DependsOnTagId"] != row["DependsOnTagId"]:
            raise invalid("The parent of a filter cannot be changed.")
        with self._lock:
            changed = {**row, **content, "Updated": self._stamp()}
            self._rows[dependency] = changed
            return changed

    def delete(self, child: str, dependency: str) -> None:
        self.find(child, dependency)
        with self._lock:
            self._rows.pop(dependency, None)

    def _name(self, child: str, parent: str) -> str:
        names = self._tag_book.find(child).name, self._tag_book.find(parent).name
        return " per ".join(names)

    def _stamp(self) -> Row:
        return {"UserId": ADMIN_USER_ID, "DateTime": eastern(self._now())}

    def _refuse_beyond_limits(self, child: str, parent: str) -> None:
        parents = {
            row["DependentTagId"]: row["DependsOnTagId"] for row in self._rows.values()
        }
        if len(parents) >= MOST_FILTERS:
            raise invalid(f"A business may have at most {MOST_FILTERS} filters.")
        if child in parents:
            raise invalid("A tag may depend on one tag only.")
        parents[child] = parent
        if any(_chain(parents, tag) > LONGEST_CHAIN for tag in parents):
            raise invalid(f"A chain may have at most {LONGEST_CHAIN} tags.")

    def _content(self, child: str, body: Body) -> Row:
        parent = body.text("DependsOnTagId").lower()
        if parent == child:
            raise invalid("A tag cannot depend on itself.")
        triggers, allowed = self._values(parent), self._values(child)
        rules = [
            _rule(Body.of(rule), number, triggers, allowed)
            for number, rule in enumerate(body.list("Rules"), start=1)
        ]
        default = Body.of(body.get("Default", {"AllowedAll": True}))
        return {
            "DependsOnTagId": parent,
            "Source": {"Name": _source(body)},
            "Rules": rules,
            "Default": {
                "AllowedAll": default.flag("AllowedAll", default=False),
                "AllowedOptions": _known(default.list("AllowedOptions"), allowed),
            },
        }

    def _values(self, tag_id: str) -> set[str]:
        return {option.value for option in self._tag_book.dropdown(tag_id).options}


def _source(body: Body) -> str:
    given = Body.of(body.get("Source", {})).get("Name", "")
    return given if given in SOURCES else UNKNOWN


def _chain(parents: dict[str, str], tag: str) -> int:
    """The number of tags from this one up; a ring counts as too long."""
    length = 1
    while tag in parents and length <= LONGEST_CHAIN:
        tag = parents[tag]
        length += 1
    return length


def _rule(rule: Body, number: int, triggers: set[str], allowed: set[str]) -> Row:
    condition = Body.of(rule.get("Condition"))
    return {
        "RuleId": rule.get("RuleId", f"r{number}"),
        "Condition": {
            "Type": condition.get("Type", CONDITION_TYPE),
            "TriggerOptions": _known(condition.list("TriggerOptions"), triggers),
        },
        "AllowedOptions": _known(rule.list("AllowedOptions"), allowed),
    }


def _known(values: list[Any], options: set[str]) -> list[Any]:
    if strange := [value for value in values if value not in options]:
        raise invalid(f"Unknown option: {strange[0]}")
    return values
