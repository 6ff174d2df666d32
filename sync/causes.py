"""What stands in the way of open purchases: one cause a tenant, reason and value.

Reads what judging left on the rows; changes nothing. A purchase with two reasons counts
under both. Keys and indexes: docs/decisions/012-causes-and-dashboard.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from connector.codes.nearest import Guess, Wanted, guesses
from connector.models import Tenant
from sync.models import PurchaseSync
from sync.models.purchase.indexes import OPEN_SQL
from sync.rules.reasons import ReasonCode, cause_key

MOST_CARDHOLDERS = 4
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


@dataclass(frozen=True, slots=True)
class Cause:
    """Purchases of one tenant that wait for the same thing.

    `alone` of them have no other reason: they go with the next sync once this one is
    gone. `reason` is the JSON of one of them, `sample`; `guess` is what its value may
    mean.
    """

    key: str
    tenant: Tenant
    reason: Mapping[str, Any]
    count: int
    alone: int
    amount: Decimal | None
    since: datetime | None
    cardholders: tuple[str, ...] = ()
    sample: int = 0
    guess: Guess = field(default_factory=Guess)


def causes(
    tenants: Sequence[int] | None, first: int, last: int, *, whole: bool = False
) -> list[Cause]:
    """The causes from `first` to `last`, most purchases first, of these tenants or of
    all. `whole` adds cardholders and guesses. A constant number of queries."""
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
        PurchaseSync.objects.select_related("tenant__transactions")
        .only("tenant", "reasons", "pex_transaction_id")
        .in_bulk([group[6] for group in groups])
    )
    found = [_cause(group, samples[group[6]]) for group in groups]
    return _with_guesses(found) if whole else found


def _cause(group: Sequence[Any], sample: PurchaseSync) -> Cause:
    _, key, count, alone, amount, since, _, *people = group
    reason = next(
        (each for each in sample.reasons if cause_key(each) == key), sample.reasons[0]
    )
    names = tuple(people[0] or ()) if people else ()
    return Cause(
        key, sample.tenant, reason, count, alone, amount, since, names, sample.pk
    )


def _with_guesses(found: Sequence[Cause]) -> list[Cause]:
    guessed = guesses_for((each.tenant.pk, each.reason) for each in found)
    return [
        replace(each, guess=guess) for each, guess in zip(found, guessed, strict=True)
    ]


def guesses_for(reasons: Iterable[tuple[int, Mapping[str, Any]]]) -> list[Guess]:
    """What the value of each reason of a tenant may mean; nothing for reasons that are
    of no value. At most four queries for all of them."""
    wanted = [_wanted(tenant_id, reason) for tenant_id, reason in reasons]
    asked = [each for each in wanted if each is not None]
    known = dict(zip(asked, guesses(asked), strict=True))
    return [known[each] if each is not None else Guess() for each in wanted]


def _wanted(tenant_id: int, reason: Mapping[str, Any]) -> Wanted | None:
    if reason.get("code") not in _OF_VALUES or not reason.get("value"):
        return None
    place = tuple(reason.get("place", ()))
    return Wanted(tenant_id, reason.get("kind", ""), reason["value"], place)
