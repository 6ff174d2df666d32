"""Codes on their way into the cache: in a file until CMiC has told the whole list, then
in one transaction.

So a list that breaks off changes nothing, no transaction waits for CMiC, memory holds
a page, and a process that dies leaves nothing behind: the file has no name.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
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
_VANISH = f"""
UPDATE connector_cmiccode AS known SET is_active = false, seen_at = %(at)s
WHERE tenant_id = %(tenant)s AND kind = ANY(%(kinds)s) AND is_active
  AND (%(company)s = '' OR company = %(company)s)
  AND NOT EXISTS (SELECT FROM told WHERE {_SAME_PLACE})"""  # noqa: S608
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
SET refreshed_at = EXCLUDED.refreshed_at, count = EXCLUDED.count
RETURNING kind, count"""


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
    ) -> dict[str, int]:
        """Make the cache say what the list says; how many codes of each kind it has.

        What the cache has of these kinds (and of the company, if one is named) and the
        list has not is inactive from then on. `confirm` is called last, and what it
        raises undoes everything.
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
            for statement in (_VANISH, _UPDATE, _INSERT):
                cursor.execute(statement, values)
            cursor.execute(_RECORD, values)
            counts = dict(cursor.fetchall())
            cursor.execute("DROP TABLE staged, told")
            cursor.execute("SET LOCAL enable_nestloop TO DEFAULT")
            confirm()
        if sum(counts.values()) >= _MANY:
            # Until its statistics know them, a search in these codes takes seconds.
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE connector_cmiccode")
        return {kind: counts[kind] for kind in values["kinds"]}

    def _copy(self, cursor: Any) -> None:
        self._file.seek(0)
        with cursor.copy(_COPY) as copy:
            while chunk := self._file.read(_CHUNK):
                copy.write(chunk)
