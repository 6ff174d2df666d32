"""What stands in the way of open purchases: one cause a tenant, reason and value.

Reads what judging left on the rows; changes nothing. A purchase with two reasons counts
under both. Keys and indexes: docs/decisions/012-causes-and-dashboard.md.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from connector.models import Tenant
from sync.models import PurchaseSync
from sync.models.purchase.indexes import OPEN_SQL
from sync.rules.reasons import ReasonCode, cause_key

MOST_SUGGESTIONS = 3
MOST_CARDHOLDERS = 4
_NEIGHBOURS = 20
# Those whose value may be compared with what CMiC has.
_OF_VALUES = (
    ReasonCode.VALUE_UNKNOWN,
    ReasonCode.VALUE_INACTIVE,
    ReasonCode.COMBINATION_INVALID,
)

_GROUPS = f"""
SELECT tenant_id, cause, count(*), count(*) FILTER (WHERE cardinality(causes) = 1),
    sum(amount), min(occurred_at), min(id){{people}}
FROM sync_purchasesync, unnest(causes) cause
WHERE {OPEN_SQL} AND (%(all)s OR tenant_id = ANY(%(tenants)s))
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %(limit)s OFFSET %(offset)s
"""  # noqa: S608 - OPEN_SQL is ours
_PEOPLE = ", (array_agg(DISTINCT cardholder) FILTER (WHERE cardholder <> ''))[1:{}]"
# The codes that stand before and after each value in CMiC's order: from each the next
# is looked up, because a code stands there once for each job. `place` narrows to what
# hangs on the codes before it, in the form that the index for that has.
_SAME = """c.tenant_id = wanted.tenant AND c.kind = wanted.kind
        AND c.company = scope.company AND c.is_active {place}"""
_OF_PLACE = "AND c.grandparent = wanted.grandparent AND c.parent = wanted.parent"
_NEXT = """
    {name} AS (
        (SELECT c.code, 1 AS step FROM connector_cmiccode c
            WHERE {same} AND c.code {first} wanted.value
            ORDER BY c.code {order} LIMIT 1)
        UNION ALL
        (SELECT next.code, {name}.step + 1 FROM {name} CROSS JOIN LATERAL (
            SELECT c.code FROM connector_cmiccode c WHERE {same}
                AND c.code {further} {name}.code ORDER BY c.code {order} LIMIT 1) next
            WHERE {name}.step < {neighbours})
    )"""
_NEAR = """
SELECT wanted.number, near.code FROM unnest(%(tenants)s::bigint[],
    %(kinds)s::text[], %(values)s::text[], %(grandparents)s::text[],
    %(parents)s::text[]) WITH ORDINALITY
    AS wanted(tenant, kind, value, grandparent, parent, number)
JOIN connector_transactionsettings chosen ON chosen.tenant_id = wanted.tenant
CROSS JOIN LATERAL unnest(ARRAY['', chosen.company_code]) AS scope(company)
CROSS JOIN LATERAL (WITH RECURSIVE {above}, {below}
    SELECT code FROM above UNION SELECT code FROM below) near
"""


def _near(place: str) -> str:
    same = _SAME.format(place=place)
    above = _NEXT.format(
        name="above",
        same=same,
        first=">=",
        further=">",
        order="",
        neighbours=_NEIGHBOURS,
    )
    below = _NEXT.format(
        name="below",
        same=same,
        first="<",
        further="<",
        order="DESC",
        neighbours=_NEIGHBOURS,
    )
    return _NEAR.format(above=above, below=below)


@dataclass(frozen=True, slots=True)
class Cause:
    """Purchases of one tenant that wait for the same thing.

    `alone` of them have no other reason: they go with the next sync once this one is
    gone. `reason` is the JSON of one of them.
    """

    key: str
    tenant: Tenant
    reason: Mapping[str, Any]
    count: int
    alone: int
    amount: Decimal | None
    since: datetime | None
    cardholders: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()


def causes(
    tenants: Sequence[int] | None, first: int, last: int, *, whole: bool = False
) -> list[Cause]:
    """The causes from `first` to `last`, most purchases first, of these tenants or of
    all. `whole` adds cardholders and suggestions. A constant number of queries."""
    people = _PEOPLE.format(MOST_CARDHOLDERS) if whole else ""
    with connection.cursor() as cursor:
        cursor.execute(
            _GROUPS.replace("{people}", people),
            {
                "all": tenants is None,
                "tenants": list(tenants or ()),
                "limit": last - first,
                "offset": first,
            },
        )
        groups = cursor.fetchall()
    samples = (
        PurchaseSync.objects.select_related("tenant")
        .only("tenant", "reasons", "pex_transaction_id")
        .in_bulk([group[6] for group in groups])
    )
    found = [_cause(group, samples[group[6]]) for group in groups]
    return _with_suggestions(found) if whole else found


def _cause(group: Sequence[Any], sample: PurchaseSync) -> Cause:
    _, key, count, alone, amount, since, _, *people = group
    reason = next(
        (each for each in sample.reasons if cause_key(each) == key), sample.reasons[0]
    )
    names = tuple(people[0] or ()) if people else ()
    return Cause(key, sample.tenant, reason, count, alone, amount, since, names)


def _with_suggestions(found: Sequence[Cause]) -> list[Cause]:
    """The nearest codes that CMiC has, in two queries for all of them."""
    asked = [
        cause
        for cause in found
        if cause.reason.get("code") in _OF_VALUES and cause.reason.get("value")
    ]
    of_place = [cause for cause in asked if cause.reason.get("place")]
    anywhere = [cause for cause in asked if not cause.reason.get("place")]
    nearest = _nearest(of_place, _OF_PLACE) | _nearest(anywhere, "")
    return [replace(each, suggestions=nearest.get(_id(each), ())) for each in found]


def _nearest(
    asked: Sequence[Cause], place: str
) -> dict[tuple[int, str], tuple[str, ...]]:
    if not asked:
        return {}
    places = [[*cause.reason.get("place", ()), "", ""] for cause in asked]
    near: list[list[str]] = [[] for _ in asked]
    with connection.cursor() as cursor:
        cursor.execute(
            _near(place),
            {
                "tenants": [cause.tenant.pk for cause in asked],
                "kinds": [cause.reason.get("kind", "") for cause in asked],
                "values": [cause.reason["value"] for cause in asked],
                "grandparents": [two[0] if two[1] else "" for two in places],
                "parents": [two[1] or two[0] for two in places],
            },
        )
        for number, code in cursor.fetchall():
            near[number - 1].append(code)
    return {
        _id(cause): tuple(
            difflib.get_close_matches(cause.reason["value"], codes, MOST_SUGGESTIONS)
        )
        for cause, codes in zip(asked, near, strict=True)
    }


def _id(cause: Cause) -> tuple[int, str]:
    """Two tenants may share a key, and have other codes."""
    return cause.tenant.pk, cause.key
