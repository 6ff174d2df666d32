"""Codes on their way into the cache: in a file until CMiC has told the whole list, then
in one transaction.

So a list that breaks off changes nothing, no transaction waits for CMiC, memory holds
a page, and a process that dies leaves nothing behind: the file has no name.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any

from django.db import connection, transaction

from connector.api.cmic.types import Code, CodeKind

_LONGEST_CODE, _LONGEST_COMPANY = 64, 8
_LONGEST_NAME, _LONGEST_CURRENCY, _LONGEST_STATUS = 200, 30, 30
_MANY = 5000
_CHUNK = 256 * 1024  # characters

_PLACE = "kind, company, grandparent, parent, code"
_SAME_PLACE = " AND ".join(f"known.{c} = told.{c}" for c in _PLACE.split(", "))
_SAID = "name, currency, status, is_active"

_CREATE = """
CREATE TEMPORARY TABLE staged (
  kind text, company text, grandparent text, parent text, code text,
  name text, currency text, status text, is_active boolean
)"""
_COPY = f"COPY staged FROM STDIN WITH (FORMAT csv, FORCE_NOT_NULL ({_PLACE}, {_SAID}))"
# Of two rows that CMiC lists for one place, an active one wins.
_TELL_APART = f"""
CREATE TEMPORARY TABLE told AS
SELECT DISTINCT ON ({", ".join(f'{c} COLLATE "C"' for c in _PLACE.split(", "))}) *
FROM staged
ORDER BY {", ".join(f'{c} COLLATE "C"' for c in _PLACE.split(", "))},
  is_active DESC, name"""  # noqa: S608
# A list may lack a code for a moment, or for good: two readings tell them apart.
_CLOSED_AFTER = timedelta(hours=1)
# So few that a question to a person costs more than it saves.
_FEW = 10
_OF_LIST = """known.tenant_id = %(tenant)s AND known.kind = ANY(%(kinds)s)
  AND (%(company)s = '' OR known.company = %(company)s)"""
_IS_TOLD = f"EXISTS (SELECT FROM told WHERE {_SAME_PLACE})"
_COUNTS = """
SELECT listed.kind, (SELECT count(*) FROM told WHERE told.kind = listed.kind),
  coalesce(refresh.count, 0)
FROM unnest(%(kinds)s::text[]) AS listed (kind)
LEFT JOIN connector_coderefresh AS refresh ON refresh.tenant_id = %(tenant)s
  AND refresh.kind = listed.kind AND refresh.company = %(company)s"""
_OPEN = f"""
SELECT known.kind, count(*), count(missing_since) FROM connector_cmiccode AS known
WHERE {_OF_LIST} AND is_active GROUP BY known.kind"""  # noqa: S608
_MISS = f"""
UPDATE connector_cmiccode AS known SET missing_since = %(at)s
WHERE {_OF_LIST} AND is_active AND missing_since IS NULL AND NOT {_IS_TOLD}"""  # noqa: S608
_FIND_AGAIN = f"""
UPDATE connector_cmiccode AS known SET missing_since = NULL
WHERE {_OF_LIST} AND missing_since IS NOT NULL AND {_IS_TOLD}"""  # noqa: S608
_CLOSE = f"""
UPDATE connector_cmiccode AS known SET is_active = false, seen_at = %(at)s
WHERE {_OF_LIST} AND known.kind <> ALL(%(doubted)s) AND is_active
  AND missing_since <= %(at)s - %(closed_after)s"""  # noqa: S608
_UPDATE = f"""
UPDATE connector_cmiccode AS known
SET name = told.name, currency = told.currency, status = told.status,
  is_active = told.is_active, seen_at = %(at)s
FROM told
WHERE known.tenant_id = %(tenant)s AND known.kind = ANY(%(kinds)s) AND {_SAME_PLACE}
  AND (known.name, known.currency, known.status, known.is_active)
    IS DISTINCT FROM (told.name, told.currency, told.status, told.is_active)"""  # noqa: S608
_INSERT = f"""
INSERT INTO connector_cmiccode (tenant_id, seen_at, {_PLACE}, {_SAID})
SELECT %(tenant)s, %(at)s, {_PLACE}, {_SAID} FROM told
WHERE NOT EXISTS (
  SELECT FROM connector_cmiccode AS known
  WHERE known.tenant_id = %(tenant)s AND known.kind = ANY(%(kinds)s) AND {_SAME_PLACE}
)"""  # noqa: S608
_RECORD = """
INSERT INTO connector_coderefresh (tenant_id, kind, company, refreshed_at, count)
SELECT %(tenant)s, kind, %(company)s, %(at)s,
  (SELECT count(*) FROM told WHERE told.kind = listed.kind)
FROM unnest(%(kinds)s::text[]) AS listed (kind)
ON CONFLICT (tenant_id, kind, company) DO UPDATE
SET refreshed_at = EXCLUDED.refreshed_at,
  count = CASE WHEN EXCLUDED.kind = ANY(%(doubted)s)
    THEN connector_coderefresh.count ELSE EXCLUDED.count END,
  short_count = CASE WHEN EXCLUDED.kind = ANY(%(doubted)s) THEN EXCLUDED.count END"""


@dataclass(frozen=True)
class Merged:
    """What a list has changed: `count` codes now, `before` at the reading before.

    `missing` are known, active and not in the list; they are closed once a reading an
    hour later lacks them too. `is_doubted`, they are not: a person is asked.
    """

    count: int
    before: int
    missing: int
    is_doubted: bool

    def remark(self, title: str) -> str:
        """What people are told of the list of that title; empty if it lacks nothing."""
        codes = "1 code" if self.count == 1 else f"{self.count:,} codes"
        sentence = f"CMiC's {title} list has {codes}"
        if self.is_doubted:
            return (
                f"{sentence}; the previous reading had {self.before:,}. No code was "
                "closed. If the list is complete, confirm it on the tenant's Sync tab."
            )
        if not self.missing:
            return ""
        if self.count * 10 < self.before * 9:
            sentence += f"; the previous reading had {self.before:,}"
        missing, they = "1 known code is", "It is"
        if self.missing > 1:
            missing, they = f"{self.missing:,} known codes are", "They are"
        return (
            f"{sentence}. {missing} missing from it. {they} closed if the list is read "
            "again an hour or more later and still lacks "
            f"{'it' if self.missing == 1 else 'them'}."
        )


class StagedCodes:
    """The codes of one list; a context manager, because of its file."""

    def __init__(self) -> None:
        self._file = TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115
        self._rows = csv.writer(self._file)

    def __enter__(self) -> StagedCodes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, codes: Iterable[Code]) -> None:
        """Longer codes than any of CMiC's are left out: nothing could be booked on
        them."""
        self._rows.writerows(
            (
                code.kind,
                code.company,
                code.grandparent,
                code.parent,
                code.code,
                code.name[:_LONGEST_NAME],
                code.currency[:_LONGEST_CURRENCY],
                code.status[:_LONGEST_STATUS],
                code.is_active,
            )
            for code in codes
            if len(code.company) <= _LONGEST_COMPANY
            and len(code.code) <= _LONGEST_CODE
            and len(code.parent) <= _LONGEST_CODE
            and len(code.grandparent) <= _LONGEST_CODE
        )

    def merge(
        self,
        tenant_id: int,
        kinds: Sequence[CodeKind],
        company: str,
        at: datetime,
        confirm: Callable[[], None],
    ) -> dict[str, Merged]:
        """Make the cache say what the list says; what that changed, by kind.

        What the cache has of these kinds (and of the company, if one is named) and the
        list has not is missing, and inactive if it was an hour ago, but for a list that
        lacks more than half. `confirm` is called last, and what it raises undoes
        everything.
        """
        values: dict[str, Any] = {
            "tenant": tenant_id,
            "kinds": [str(kind) for kind in kinds],
            "company": company,
            "at": at,
        }
        with transaction.atomic(), connection.cursor() as cursor:
            # The planner knows neither table well yet: row by row would take hours.
            cursor.execute("SET LOCAL enable_nestloop = off")
            cursor.execute(_CREATE)
            self._copy(cursor)
            cursor.execute(_TELL_APART)
            cursor.execute("ANALYZE told")
            cursor.execute(_COUNTS, values)
            counts = {kind: (count, before) for kind, count, before in cursor}
            for statement in (_MISS, _FIND_AGAIN):
                cursor.execute(statement, values)
            # Before anything is closed, so that what is closed can be doubted.
            cursor.execute(_OPEN, values)
            doubted = [
                kind
                for kind, is_open, missing in cursor
                if _is_doubted(is_open, missing, told=counts[kind][0])
            ]
            values |= {"doubted": doubted, "closed_after": _CLOSED_AFTER}
            for statement in (_CLOSE, _UPDATE, _INSERT, _RECORD):
                cursor.execute(statement, values)
            cursor.execute(_OPEN, values)
            missing = {kind: count for kind, _, count in cursor}
            cursor.execute("DROP TABLE staged, told")
            cursor.execute("SET LOCAL enable_nestloop TO DEFAULT")
            confirm()
        if sum(count for count, _ in counts.values()) >= _MANY:
            # Until its statistics know them, a search in these codes takes seconds.
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE connector_cmiccode")
        return {
            kind: Merged(*counts[kind], missing.get(kind, 0), kind in doubted)
            for kind in values["kinds"]
        }

    def start_again(self) -> None:
        """Forget the pages: CMiC tells the list from its start."""
        self._file.seek(0)
        self._file.truncate()

    def _copy(self, cursor: Any) -> None:
        self._file.seek(0)
        with cursor.copy(_COPY) as copy:
            while chunk := self._file.read(_CHUNK):
                copy.write(chunk)


def _is_doubted(is_open: int, missing: int, *, told: int) -> bool:
    """Whether the list lacks so many of the open codes that a person is asked."""
    if not told:
        return missing > 0
    return is_open >= _FEW and missing * 2 > is_open
