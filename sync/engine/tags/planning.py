"""What one tag's options are to become: which of CMiC's values they come from, and
whether a person said so of just this.

What feeds which tag follows the Type Code: first codes as they are; below them each
code once, as long as it is open on an active job (or piece of equipment). Reads the
cached codes and what is known of the options; calls nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from connector.api.cmic.types import CodeKind
from connector.api.pex.option_names import Value
from connector.api.pex.tags import Dropdown
from connector.models import CmicCode, CodeRefresh, Field, FieldMapping, Tenant
from connector.models.invoice_fields import CODE_FIELDS, SHARED_KINDS
from sync.models import OptionAlias, TagSync
from sync.rules.option_filter import Filter
from sync.rules.tag_options import Difference, plan_options

# Of the names that a code has on different jobs, the most frequent.
_BELOW = """
WITH open AS (
    SELECT code FROM connector_cmiccode
    WHERE tenant_id = %(tenant)s AND kind = %(first)s AND company = %(company)s
      AND is_active AND (%(only_first)s = '' OR code = %(only_first)s)
), below AS (
    SELECT code, name,
      is_active AND CASE WHEN %(depth)s = 1 THEN parent ELSE grandparent END
        IN (SELECT code FROM open)
      AND (%(depth)s = 1 OR %(only_second)s = '' OR parent = %(only_second)s) AS is_open
    FROM connector_cmiccode
    WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND company = %(company)s
)
SELECT code,
  COALESCE(
    mode() WITHIN GROUP (ORDER BY name COLLATE "C") FILTER (WHERE is_open),
    mode() WITHIN GROUP (ORDER BY name COLLATE "C")
  ),
  bool_or(is_open)
FROM below GROUP BY code
"""


@dataclass(frozen=True)
class Target:
    """A mapping whose tag is to follow CMiC, and the list that it follows."""

    mapping: FieldMapping
    kind: CodeKind
    company: str

    @property
    def title(self) -> str:
        return str(self.mapping.get_field_display())


def targets_of(tenant: Tenant) -> list[Target]:
    """The mappings with *Sync tag*, in the order of the lines' codes."""
    if tenant.transactions_or_none is None:
        return []
    return [
        Target(row, kind, "" if kind in SHARED_KINDS else tenant.company_code)
        for row, kind in tenant.code_mappings()
        if row.tag and row.sync_options
    ]


def first_kind(tenant: Tenant) -> CodeKind:
    """The kind that the others hang on: jobs, departments or equipment."""
    return tenant.code_mappings()[0][1]


def is_read(tenant: Tenant, target: Target) -> bool:
    """Whether CMiC's list was ever read whole, and the one that it hangs on."""
    company = tenant.transactions.company_code
    read = CodeRefresh.objects.filter(tenant=tenant, company__in=("", company))
    wanted = {str(target.kind), str(first_kind(tenant))}
    return wanted <= set(read.values_list("kind", flat=True))


class ShownOtherwiseError(Exception):
    """What a person said yes to is not what would be done now.

    `meanwhile` is the sentence where something may have been done already.
    """

    meanwhile = "What would be disabled has changed meanwhile. Look at it again."

    def __init__(self) -> None:
        super().__init__(
            "Nothing was disabled: what would be has changed since the page was "
            "opened. Look at it again."
        )


def shown_of(target: Target, difference: Difference | None) -> str:
    """Stands for the options that wait for a person; empty where none do."""
    if difference is None or not difference.held:
        return ""
    held = sorted([option.value, option.name] for option in difference.held)
    shown = repr([str(target.mapping.field), target.mapping.tag, held])
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


class Planner:
    """Plans one sync of a tag as often as that is read.

    CMiC's values are read once, so that what a person said yes to and what is done come
    from the same list. `shown` is what they were shown, if they said that the options
    that wait are to be disabled.
    """

    def __init__(
        self, tenant: Tenant, target: Target, shown: str | None = None
    ) -> None:
        self._tenant = tenant
        self._target = target
        self._shown = shown
        self._values: list[Value] | None = None
        # By Value: what the person said yes to, once that was looked up.
        self._confirmed: set[str] | None = None

    def plan(self, dropdown: Dropdown) -> Difference:
        """Raises `ShownOtherwiseError` if more would be disabled than was shown."""
        difference = self._difference(dropdown)
        if self._shown is None:
            return difference
        held = {option.value for option in difference.held}
        if self._confirmed is None:
            if not held or shown_of(self._target, difference) != self._shown:
                raise ShownOtherwiseError
            self._confirmed = held
        # Read again after a conflict or a lost answer, some may be disabled already.
        if not held <= self._confirmed:
            raise ShownOtherwiseError
        return self._difference(dropdown, disable_all=True)

    def _difference(
        self, dropdown: Dropdown, *, disable_all: bool = False
    ) -> Difference:
        tag_id = dropdown.tag.tag_id
        if self._values is None:
            self._values = _values_of(self._tenant, self._target, tag_id)
        return plan_options(
            self._values,
            dropdown.options,
            style=self._target.mapping.label,
            adopted=OptionAlias.objects.values_of(self._tenant, tag_id),
            disable_all=disable_all,
        )


def _values_of(tenant: Tenant, target: Target, tag_id: str) -> list[Value]:
    """The values that the tag's options stand for, those to choose from active.

    What came into this tag from another list (another Type Code or company) is among
    them, inactive.
    """
    offered = _filter(target.mapping)
    place = CODE_FIELDS.index(Field(target.mapping.field))
    if place == 0 or target.kind is CodeKind.ACCOUNT:
        values = _first(tenant, target, offered)
    else:
        values = _below(tenant, target, place, offered)
    there = {value.code for value in values}
    former = TagSync.objects.lists_of(tenant, tag_id) - {(target.kind, target.company)}
    for kind, company in sorted(former):
        rows = CmicCode.objects.filter(tenant=tenant, kind=kind, company=company)
        once = rows.order_by("code", "name").distinct("code")
        for code, name in once.values_list("code", "name"):
            if code not in there:
                there.add(code)
                values.append(Value(code, name, is_active=False))
    return values


def _first(tenant: Tenant, target: Target, offered: Filter) -> list[Value]:
    rows = CmicCode.objects.filter(
        tenant=tenant, kind=target.kind, company=target.company
    ).values_list("code", "name", "is_active", "status")
    return [
        Value(code, name, is_active and offered.admits(code, status))
        for code, name, is_active, status in rows
    ]


def _below(tenant: Tenant, target: Target, depth: int, offered: Filter) -> list[Value]:
    rows = tenant.mappings_by_field()
    with connection.cursor() as cursor:
        cursor.execute(
            _BELOW,
            {
                "tenant": tenant.pk,
                "company": target.company,
                "kind": str(target.kind),
                "first": str(first_kind(tenant)),
                "depth": depth,
                "only_first": rows[Field.JOB_DEPT_EQP].static_value,
                "only_second": rows[Field.COST_CODE_ACCOUNT_CATEGORY].static_value,
            },
        )
        return _values(cursor.fetchall(), offered)


def _values(rows: Iterable[tuple[str, str, bool]], offered: Filter) -> list[Value]:
    return [
        Value(code, name, is_open and offered.admits(code))
        for code, name, is_open in rows
    ]


def _filter(mapping: FieldMapping) -> Filter:
    """A status is a job's only."""
    statuses = mapping.only_statuses if mapping.field == Field.JOB_DEPT_EQP else ""
    return Filter.of(statuses, mapping.only_prefixes, mapping.excluded_codes)
