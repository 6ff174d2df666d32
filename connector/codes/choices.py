"""What there is to choose from: which of CMiC's lists a value must be in, and finding
values there by code and name.

Reads the cached codes only; `connector.codes.reading` fills them. Which values a page
has chosen so far is an argument, because most of them are not saved yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from connector.api.cmic.types import CodeKind
from connector.models import CmicCode, Field
from connector.models.codes import CodeState
from connector.models.invoice_fields import SHARED_KINDS, kind_of
from connector.models.settings import SETTING_KINDS

PAGE_SIZE = 50

# Nobody reads or types these; people know the names.
NAMED_ONLY = (CodeKind.SOURCE, CodeKind.DOCUMENT_TYPE)
# Below a job that is not chosen, a code may stand a hundred thousand times: one look
# into the index for each different code, instead of reading all their rows.
_DISTINCT_CODES = """
WITH RECURSIVE step AS (
    (SELECT code FROM connector_cmiccode
     WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND company = %(company)s
     ORDER BY code LIMIT 1)
    UNION ALL
    SELECT (SELECT code FROM connector_cmiccode
            WHERE tenant_id = %(tenant)s AND kind = %(kind)s
              AND company = %(company)s AND code > step.code
            ORDER BY code LIMIT 1)
    FROM step WHERE step.code IS NOT NULL
)
SELECT step.code, found.name FROM step, LATERAL (
    SELECT name FROM connector_cmiccode
    WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND company = %(company)s
      AND code = step.code AND is_active
    LIMIT 1
) found
WHERE (step.code ILIKE %(part)s OR found.name ILIKE %(part)s)
ORDER BY (step.code ILIKE %(start)s) DESC, step.code
LIMIT %(limit)s OFFSET %(offset)s
"""


@dataclass(frozen=True, slots=True)
class Above:
    """What is chosen above a value, as far as it is: it decides the value's list."""

    company: str = ""
    type: str = ""
    source: str = ""
    first: str = ""
    second: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """One list to choose from: a kind, and the codes it hangs on where they are known.

    None for a code that is not known: then everything of the kind is on the shelf.
    """

    kind: CodeKind
    company: str = ""
    grandparent: str | None = None
    parent: str | None = None

    @property
    def is_vast(self) -> bool:
        """Whether it has the same codes again for each job of the company."""
        is_open = self.grandparent is None or (
            self.grandparent == "" and self.parent is None
        )
        return is_open and self.kind not in NAMED_ONLY


@dataclass(frozen=True, slots=True)
class Choice:
    code: str
    name: str
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """One page of choices."""

    choices: Sequence[Choice]
    has_more: bool


def shelf_of(name: str, above: Above) -> Shelf | None:
    """The list that the input `name` is chosen from; None where it has none.

    Accounts are not kept below a department; every other second code hangs on the
    first, and the third on both.
    """
    kind = SETTING_KINDS.get(name) or kind_of(name, above.type)
    if kind is None:
        return None
    company = "" if kind in SHARED_KINDS else above.company
    if kind is CodeKind.DOCUMENT_TYPE:
        return Shelf(kind, company, "", above.source or None)
    if name == Field.COST_CODE_ACCOUNT_CATEGORY and kind is not CodeKind.ACCOUNT:
        return Shelf(kind, company, "", above.first or None)
    if name == Field.COST_TYPE_TRAN_CODE:
        return Shelf(kind, company, above.first or None, above.second or None)
    return Shelf(kind, company, "", "")


def search(tenant_id: int, shelf: Shelf, term: str, page: int = 1) -> Found:
    """Choices whose code or name contains `term`: active ones first, and of these
    the ones whose code begins with it."""
    start = (page - 1) * PAGE_SIZE
    if shelf.is_vast:
        found = _search_vast(tenant_id, shelf, term, start)
    else:
        rows = _ordered(_rows(tenant_id, shelf), shelf, term)
        page_of_rows = rows[start : start + PAGE_SIZE + 1]
        found = [
            Choice(*row)
            for row in page_of_rows.values_list("code", "name", "is_active")
        ]
    return Found(tuple(found[:PAGE_SIZE]), len(found) > PAGE_SIZE)


def find(tenant_id: int, shelf: Shelf, code: str) -> tuple[CodeState, str]:
    """What CMiC was last known to say of a code on this shelf, and its name."""
    rows = _rows(tenant_id, shelf).filter(code=code).order_by("-is_active")
    row = rows.values_list("is_active", "name").first() if code else None
    if row is not None:
        return (CodeState.ACTIVE if row[0] else CodeState.INACTIVE), row[1]
    return (CodeState.UNKNOWN if is_sure(tenant_id, shelf) else CodeState.UNCHECKED), ""


def is_sure(tenant_id: int, shelf: Shelf) -> bool:
    """Whether CMiC is known not to have what is not on the shelf."""
    return CmicCode.objects.is_sure(tenant_id, shelf.kind, company=shelf.company)


def _rows(tenant_id: int, shelf: Shelf) -> QuerySet[CmicCode]:
    rows = CmicCode.objects.filter(tenant_id=tenant_id, kind=shelf.kind)
    if shelf.kind is not CodeKind.COMPANY:
        # Each company stands below itself.
        rows = rows.filter(company=shelf.company)
    if shelf.grandparent is not None:
        rows = rows.filter(grandparent=shelf.grandparent)
    if shelf.parent is not None:
        rows = rows.filter(parent=shelf.parent)
    return rows


def _ordered(rows: QuerySet[CmicCode], shelf: Shelf, term: str) -> QuerySet[CmicCode]:
    if term:
        rows = rows.filter(Q(code__icontains=term) | Q(name__icontains=term))
    if shelf.parent is None and shelf.kind not in NAMED_ONLY:
        # A job's cost types, whatever their cost code: each once.
        return rows.filter(is_active=True).order_by("code").distinct("code")
    if shelf.kind in NAMED_ONLY:
        return rows.order_by("-is_active", "name")
    if not term:
        return rows.order_by("-is_active", "code")
    starts = Case(
        When(code__istartswith=term, then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    return rows.order_by("-is_active", starts, "code")


def _search_vast(tenant_id: int, shelf: Shelf, term: str, start: int) -> list[Choice]:
    """Each code once, whatever it hangs on; those that are active somewhere."""
    part = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    with connection.cursor() as cursor:
        cursor.execute(
            _DISTINCT_CODES,
            {
                "tenant": tenant_id,
                "kind": shelf.kind.value,
                "company": shelf.company,
                "part": f"%{part}%",
                "start": f"{part}%",
                "limit": PAGE_SIZE + 1,
                "offset": start,
            },
        )
        return [Choice(code, name) for code, name in cursor.fetchall()]
