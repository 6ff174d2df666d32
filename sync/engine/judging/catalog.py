"""Judges purchases, and reads from the cached codes just what that asks for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.contrib.postgres.aggregates import BoolOr
from django.db.models import QuerySet

from connector.api.cmic.types import CodeKind
from connector.api.pex.types import Purchase
from connector.models import CmicCode, CodeRefresh, Tenant
from sync.engine.judging.sisters import hold_sent
from sync.rules.coding import Catalog, Place
from sync.rules.selection import (
    Judgement,
    SelectionRules,
    check_codes,
    judge,
    places_to_check,
)

# A list of parameters has its limits, and a window may name many codes.
_CHUNK = 5000


def judge_all(
    tenant: Tenant, purchases: Iterable[Purchase], rules: SelectionRules
) -> list[Judgement]:
    """What becomes of each purchase by the rules, the codes as they were last read and
    what other tenants have sent, in the same order."""
    judgements = [judge(purchase, rules) for purchase in purchases]
    catalog = _load_catalog(tenant, places_to_check(judgements, rules.coding))
    checked = [check_codes(each, rules.coding, catalog) for each in judgements]
    return hold_sent(tenant, checked)


def _load_catalog(tenant: Tenant, places: Iterable[Place]) -> Catalog:
    """What is known of the places; kinds that were never read stay unchecked."""
    company = tenant.transactions.company_code
    wanted: dict[CodeKind, set[str]] = defaultdict(set)
    asked = set(places)
    for kind, _, _, code in asked:
        wanted[kind].add(code)
    checked = {
        CodeKind(kind)
        for kind in CodeRefresh.objects.filter(
            tenant=tenant, kind__in=list(wanted), company__in=("", company)
        ).values_list("kind", flat=True)
    }
    anywhere: dict[tuple[CodeKind, str], bool] = {}
    found: set[Place] = set()
    for kind in checked:
        codes = sorted(wanted[kind])
        for start in range(0, len(codes), _CHUNK):
            chunk = codes[start : start + _CHUNK]
            known = CmicCode.objects.filter(
                tenant=tenant, kind=kind, company__in=("", company), code__in=chunk
            )
            for code, is_active in known.values_list("code").annotate(
                is_anywhere=BoolOr("is_active")
            ):
                anywhere[kind, code] = is_active
            found |= _active_places(known, kind, asked)
    return Catalog(frozenset(found), anywhere, frozenset(checked))


def _active_places(
    known: QuerySet[CmicCode], kind: CodeKind, asked: set[Place]
) -> set[Place]:
    """The asked places of a kind that are active, found through their parents."""
    of_kind = [place for place in asked if place[0] is kind]
    rows = known.filter(
        is_active=True,
        grandparent__in={place[1] for place in of_kind},
        parent__in={place[2] for place in of_kind},
    ).values_list("grandparent", "parent", "code")
    return {(kind, *row) for row in rows} & asked
