"""What was changed of a tenant, by whom and when, before and after, in words.

Reads the histories of the tenant, its settings and its mappings, and that credentials
changed. They are written by whatever saves a row: `connector.models`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import Any

from django.db import models
from django.db.models import Max
from django.utils import formats
from django.utils.text import capfirst

from connector.models import FieldMapping, TagMeaning, Tenant, TransactionSettings

SCRIPT = "a script"
_KEYS = {"id", "tenant"}
# The models of a tenant's page, each with where its history names the tenant.
_ON_PAGE: dict[Any, str] = {
    Tenant: "id",
    TransactionSettings: "tenant_id",
    FieldMapping: "tenant_id",
}
_HISTORIES: dict[Any, str] = {**_ON_PAGE, TagMeaning: "tenant_id"}


@dataclass(frozen=True)
class Change:
    """One value: where it stands, and what it was and is, in words."""

    title: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.title}: {self.before} → {self.after}"


@dataclass(frozen=True)
class Entry:
    """What one save of one row changed. `key` tells which history it is from."""

    at: datetime
    by: str
    key: tuple[str, int]
    changes: list[Change] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [*self.sentences, *map(str, self.changes)]


def entries_of(tenant: Tenant) -> list[Entry]:
    """Everything that changed something, newest first."""
    found = [
        *chain.from_iterable(
            _entries(model, {place: tenant.pk}) for model, place in _HISTORIES.items()
        ),
        *(
            Entry(
                at=each.at,
                by=each.by or SCRIPT,
                key=("credentialschange", each.pk),
                sentences=[f"{each.get_system_display()}: {_changed(each.fields)}."],
            )
            for each in tenant.credentials_changes.all()
        ),
    ]
    found = [entry for entry in found if entry.changes or entry.sentences]
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def mark(tenant: Tenant) -> str:
    """How far the histories of the tenant's page have come, for `entries_since`.

    Credentials are not in it: they have pages of their own that look after themselves.
    """
    latest = (
        model.history.filter(**{place: tenant.pk}).aggregate(last=Max("history_id"))
        for model, place in _ON_PAGE.items()
    )
    return ".".join(str(each["last"] or 0) for each in latest)


def entries_since(tenant: Tenant, seen: str) -> list[Entry]:
    """What changed after `mark` was `seen`, newest first.

    Raises `ValueError` for what is no mark.
    """
    if seen == mark(tenant):
        return []
    numbers = [int(number) for number in seen.split(".")]
    names = [model._meta.model_name for model in _ON_PAGE]
    places = dict(zip(names, numbers, strict=True))
    return [
        entry
        for entry in entries_of(tenant)
        if entry.key[0] in places and entry.key[1] > places[entry.key[0]]
    ]


def in_words(column: Any, value: Any) -> str:
    """A column's value as people read it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value in (None, "", {}, []):
        return "empty"
    if column.flatchoices:
        return str(dict(column.flatchoices).get(value, value))
    if isinstance(value, date):
        return formats.date_format(value, "DATE_FORMAT")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def changes_between(model: type[models.Model], old: Any, new: Any) -> list[Change]:
    """The columns in which two rows of the model, or of its history, differ."""
    tracked = {column.attname for column in model.history.model.tracked_fields}  # type: ignore[attr-defined]
    return [
        Change(
            _place(model, new, column),
            in_words(column, getattr(old, column.attname)),
            in_words(column, getattr(new, column.attname)),
        )
        for column in model._meta.concrete_fields
        if column.name not in _KEYS
        and column.attname in tracked
        and getattr(old, column.attname) != getattr(new, column.attname)
    ]


def _entries(model: Any, where: dict[str, Any]) -> Iterator[Entry]:
    before: dict[int, Any] = {}
    for record in model.history.filter(**where).order_by("history_id"):
        old = before.get(record.id)
        changes, sentences = [], []
        if record.history_type == "-":
            sentences = [f"{_part(model, record)} was deleted."]
        elif old is None and record.history_type == "~":
            sentences = [
                f"{_part(model, record)} was changed; what it was before is not on "
                "record."
            ]
        else:
            blank = model()
            if model is FieldMapping:
                blank.field = record.field
            changes = changes_between(model, old or blank, record)
        before[record.id] = record
        yield Entry(
            at=record.history_date,
            by=record.by or SCRIPT,
            key=(model._meta.model_name, record.history_id),
            changes=changes,
            sentences=sentences,
        )


def _part(model: type[models.Model], row: Any) -> str:
    if model is FieldMapping:
        return f"Mapping of {row.get_field_display()}"
    if model is TagMeaning:
        return f"Meaning of the tag value “{row.value}”"
    return str(capfirst(model._meta.verbose_name))


def _place(model: type[models.Model], row: Any, column: Any) -> str:
    title = str(column.verbose_name)
    if model is Tenant:
        return capfirst(title)
    return f"{_part(model, row)}, {title}"


def _changed(titles: list[str]) -> str:
    *most, last = titles
    several = f"{', '.join(most)} and {last}" if most else last
    return f"{several} changed"
