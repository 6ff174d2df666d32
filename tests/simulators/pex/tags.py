"""The tag definitions of the business and the rules for changing dropdowns; filters
between them are left to `dependencies`.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.simulators.contractor import Contractor
from tests.simulators.pex.answers.errors import RefusalError, invalid

JOB = "Job/Dept/Eqp."
PHASE = "Cost Code/Account/Category"
CATEGORY = "Cost Type/Tran Code"
SPLIT = "Split"
BILLABLE = "Billable"
DELETED = "Cost Code 2023"
JOB_ID = "65f0c1a2b3c4d5e6f7a8b901"
PHASE_ID = "65f0c1a2b3c4d5e6f7a8b902"
CATEGORY_ID = "65f0c1a2b3c4d5e6f7a8b903"
SPLIT_ID = "65f0c1a2b3c4d5e6f7a8b904"
BILLABLE_ID = "65f0c1a2b3c4d5e6f7a8b905"
DELETED_ID = "65f0c1a2b3c4d5e6f7a8b9d1"
LEFTOVER_JOB = ("24.999", "Old Armory (estimate)")
RESTRICTED_JOB = "000099"
# Jobs so young that nobody has entered them in PEX yet.
UNLISTED_JOBS = {"25.016", "25.020"}
LONGEST_NAME = 200
TYPES = ("Text", "YesNo", "Dropdown", "Decimal", "PercentageTax", "AbsoluteTax")


@dataclass(frozen=True)
class Option:
    name: str
    value: str
    order: int = 0
    is_enabled: bool = True


@dataclass
class Definition:
    id: str
    type: str
    name: str
    order: int
    created_at: datetime
    description: str | None = None
    is_required: bool = False
    is_enabled: bool = True
    is_deleted: bool = False
    concurrency_key: str = ""
    updated_at: datetime | None = None
    options: tuple[Option, ...] = ()
    restricted: frozenset[str] = frozenset()
    members: tuple[str, ...] = ()


@dataclass
class Draft:
    """A dropdown as a caller describes it, checked."""

    options: tuple[Option, ...]
    changes: dict[str, Any] = field(default_factory=dict)


class TagBook:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._keys = itertools.count(0x08DCB0000001)
        self.lock = threading.RLock()
        self.definitions: dict[str, Definition] = {}
        # Characters that no option's name may have.
        self.refused = ""

    def add(self, definition: Definition) -> Definition:
        with self.lock:
            self._touch(definition)
            self.definitions[definition.id] = definition
        return definition

    def living(self) -> list[Definition]:
        with self.lock:
            return [one for one in self.definitions.values() if not one.is_deleted]

    def find(self, tag_id: str) -> Definition:
        with self.lock:
            found = self.definitions.get(tag_id)
        if found is None or found.is_deleted:
            raise RefusalError(404, "Tag not found")
        return found

    def named(self, name: str) -> Definition:
        """A definition by its name, a deleted one included; raises KeyError."""
        with self.lock:
            for one in self.definitions.values():
                if one.name.lower() == name.lower():
                    return one
        raise KeyError(name)

    def dropdown(self, tag_id: str) -> Definition:
        found = self.find(tag_id)
        if found.type != "Dropdown":
            raise invalid("The tag is not a dropdown.")
        return found

    def create(self, draft: Draft) -> Definition:
        with self.lock:
            number = 0x0A0 + len(self.definitions)
            tag_id = f"65f0c1a2b3c4d5e6f7a8b{number:03x}"
            order = len(self.living()) + 1
            new = Definition(
                tag_id, "Dropdown", draft.changes.pop("name"), order, self._now()
            )
            self._refuse_name(new.name, other_than=tag_id)
            self._apply(new, draft)
            return self.add(new)

    def replace(self, tag_id: str, key: Any, draft: Draft) -> Definition:
        """Put a whole dropdown: options that are not named are gone afterwards."""
        with self.lock:
            found = self.dropdown(tag_id)
            if key != found.concurrency_key:
                raise RefusalError(409, "Concurrency conflict")
            self._refuse_name(draft.changes["name"], other_than=tag_id)
            if any(set(self.refused) & set(one.name) for one in draft.options):
                raise invalid("The options are not valid.")
            self._apply(found, draft)
            self._touch(found)
            return found

    def add_options(self, tag_id: str, options: Iterable[Option]) -> Definition:
        with self.lock:
            found = self.dropdown(tag_id)
            return self._with_options(found, (*found.options, *options))

    def change_option(self, tag_id: str, option: Option) -> Definition:
        with self.lock:
            found = self.dropdown(tag_id)
            value = option.value.lower()
            if all(one.value.lower() != value for one in found.options):
                raise RefusalError(404, "Option not found")
            changed = tuple(
                option if one.value.lower() == value else one for one in found.options
            )
            return self._with_options(found, changed)

    def delete(self, tag_id: str) -> None:
        with self.lock:
            self.find(tag_id).is_deleted = True

    def _with_options(
        self, found: Definition, options: tuple[Option, ...]
    ) -> Definition:
        check_options(options)
        found.options = options
        self._touch(found)
        return found

    def _apply(self, definition: Definition, draft: Draft) -> None:
        for name, value in draft.changes.items():
            setattr(definition, name, value)
        definition.options = draft.options

    def _refuse_name(self, name: str, *, other_than: str) -> None:
        for one in self.living():
            if one.id != other_than and one.name.lower() == name.lower():
                raise invalid("A tag with this name already exists.")

    def _touch(self, definition: Definition) -> None:
        definition.concurrency_key = f"{next(self._keys):012x}"
        definition.updated_at = self._now()


def check_options(options: tuple[Option, ...]) -> None:
    names = {one.name.lower() for one in options}
    values = {one.value.lower() for one in options}
    if len(names) < len(options) or len(values) < len(options):
        raise invalid("Duplicate option names or values")
    if not any(one.is_enabled for one in options):
        raise invalid("At least one option must be enabled")
    if any(len(one.name) > LONGEST_NAME for one in options):
        raise invalid(f"Option names may have at most {LONGEST_NAME} characters")


def seed_tags(book: TagBook, contractor: Contractor, company: str = "001") -> None:
    """The dropdowns an administrator made from CMiC's lists, some time ago."""
    then = datetime(2025, 3, 2, 14, tzinfo=UTC)
    jobs = [
        Option(job.name, job.code)
        for job in contractor.jobs
        if job.company == company and job.code not in UNLISTED_JOBS
    ]
    jobs.append(Option(LEFTOVER_JOB[1], LEFTOVER_JOB[0]))
    phases = _distinct(
        (one.code, one.name) for one in contractor.phases if one.company == company
    )
    categories = _distinct(
        (one.code, one.name) for one in contractor.categories if one.company == company
    )
    restricted = frozenset({RESTRICTED_JOB})
    mapped = (JOB_ID, PHASE_ID, CATEGORY_ID)
    for definition in (
        Definition(
            JOB_ID, "Dropdown", JOB, 1, then, options=tuple(jobs), restricted=restricted
        ),
        Definition(PHASE_ID, "Dropdown", PHASE, 2, then, options=phases),
        Definition(CATEGORY_ID, "Dropdown", CATEGORY, 3, then, options=categories),
        Definition(SPLIT_ID, "Allocation", SPLIT, 4, then, members=mapped),
        Definition(BILLABLE_ID, "YesNo", BILLABLE, 5, then),
        Definition(DELETED_ID, "Dropdown", DELETED, 6, then, is_deleted=True),
    ):
        book.add(definition)


def _distinct(pairs: Iterable[tuple[str, str]]) -> tuple[Option, ...]:
    return tuple(Option(name, code) for code, name in sorted(dict(pairs).items()))
