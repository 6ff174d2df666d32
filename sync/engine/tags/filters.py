"""Dependent options (F9): PEX's filters between the mapped tags, kept as CMiC has it.

Only filters of our own `Source` are ever changed or deleted. What their rules are and
whether PEX would take one is `sync.rules.tag_dependencies`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from connector.api.cmic.types import CodeKind
from connector.api.exceptions import NotFoundError
from connector.api.pex.client import PexClient
from connector.api.pex.dependency_types import Dependency, OptionRule
from connector.api.pex.tags import Dropdown
from connector.models import CmicCode, Field, FieldMapping, Tenant
from sync.engine.judging.context import TenantContext
from sync.engine.tags.planning import first_kind
from sync.engine.tags.writing import TagUnusableError, find_dropdown
from sync.models import OptionAlias, TagSync
from sync.rules.tag_dependencies import (
    SOURCE,
    is_believable,
    is_same,
    obstacle,
    rules_for,
)

SWITCHED_OFF = (
    "PEX's tag filters are switched off for this business (UseTagDependencies), so "
    "dependent options are not kept. Ask PEX support to switch them on."
)


@dataclass(frozen=True)
class Pair:
    """A mapped tag and the one above it, with the kinds of codes in them."""

    parent: FieldMapping
    child: FieldMapping
    parent_kind: CodeKind
    child_kind: CodeKind

    @property
    def title(self) -> str:
        return f"“{self.child.tag}” by “{self.parent.tag}”"


@dataclass(frozen=True)
class FilterPlan:
    """What becomes of one filter: `write` does it, None where nothing is to be done.

    `is_trouble` says that it cannot be as it should; `child_id` is the filtered tag's.
    """

    pair: Pair
    sentence: str
    write: Callable[[], None] | None = None
    is_trouble: bool = False
    child_id: str = ""


def pairs_of(tenant: Tenant) -> list[Pair]:
    """Neighbours of which both are tags; accounts hang on no department."""
    if not tenant.dependent_options:
        return []
    return [
        Pair(parent, child, parent_kind, child_kind)
        for (parent, parent_kind), (child, child_kind) in pairwise(
            tenant.code_mappings()
        )
        if parent.tag and child.tag and child_kind is not CodeKind.ACCOUNT
    ]


def plan_filters(context: TenantContext, pairs: Sequence[Pair]) -> list[FilterPlan]:
    """What is to be done for each pair of tags; reads PEX and writes nothing.

    The heartbeat comes before each pair. Raises the errors of
    `connector.api.exceptions`, and what the heartbeat raises.
    """
    if not pairs:
        return []
    tenant, client = context.tenant, context.pex
    if not client.has_dependencies():
        return [FilterPlan(pairs[0], SWITCHED_OFF, is_trouble=True)]
    dropdowns: dict[str, Dropdown] = {}
    all_there = client.list_dependencies()
    plans = []
    for pair in pairs:
        context.heartbeat()
        try:
            for row in (pair.parent, pair.child):
                if row.tag not in dropdowns:
                    dropdowns[row.tag] = find_dropdown(tenant, client, row.tag)
        except TagUnusableError as error:
            plans.append(FilterPlan(pair, str(error), is_trouble=True))
            continue
        parent, child = dropdowns[pair.parent.tag], dropdowns[pair.child.tag]
        plans.append(_plan(tenant, client, pair, parent, child, all_there))
    return plans


def left_over(tenant: Tenant) -> list[TagSync]:
    """The records of filters that were made, for a tenant that wants none any more."""
    if tenant.dependent_options:
        return []
    done = TagSync.objects.filter(
        tenant=tenant, what=TagSync.What.FILTER, state=TagSync.State.SUCCEEDED
    )
    latest = done.order_by("field", "-pk").distinct("field").select_related("tenant")
    return [row for row in latest if row.tag_id]


def take_away(client: PexClient, child_id: str) -> None:
    """Delete ours of the tag; those of others stay."""
    with suppress(NotFoundError):
        for each in client.list_option_dependencies(child_id):
            if each.source == SOURCE:
                client.delete_dependency(each)


def _plan(
    tenant: Tenant,
    client: PexClient,
    pair: Pair,
    parent: Dropdown,
    child: Dropdown,
    all_there: list[Dependency],
) -> FilterPlan:
    parent_id, child_id = parent.tag.tag_id, child.tag.tag_id
    there = client.list_option_dependencies(child_id)
    ours = next((each for each in there if each.source == SOURCE), None)
    parents = _values(tenant, parent)
    rules = rules_for(_codes_together(tenant, pair), parents, _values(tenant, child))
    if ours is not None and ours.parent_id == parent_id:
        return _plan_change(client, pair, child_id, ours, rules, parents)
    kept = [
        each
        for each in all_there
        if ours is None or each.dependency_id != ours.dependency_id
    ]
    names = {tag.tag_id: tag.name for tag in tenant.pex.remembered_tags()}
    if problem := obstacle(child_id, parent_id, kept, names):
        return FilterPlan(pair, problem, is_trouble=True)
    if not rules:
        return FilterPlan(
            pair,
            f"CMiC has nothing open that goes with the options of “{pair.parent.tag}”, "
            f"so {pair.title} is not filtered.",
            is_trouble=True,
        )
    all_there.append(Dependency("", child_id, parent_id, SOURCE))
    return FilterPlan(
        pair,
        f"A filter of {pair.title} is made, with {len(rules):,} rules.",
        lambda: _create(client, ours, child_id, parent_id, rules),
        child_id=child_id,
    )


def _plan_change(
    client: PexClient,
    pair: Pair,
    child_id: str,
    ours: Dependency,
    rules: tuple[OptionRule, ...],
    parents: Mapping[str, str],
) -> FilterPlan:
    """What becomes of one of ours that is between these two tags already."""
    if is_same(ours, rules):
        sentence = f"The filter of {pair.title} is as it should be."
        return FilterPlan(pair, sentence, child_id=child_id)
    if not is_believable(ours, rules, parents):
        return FilterPlan(
            pair,
            f"CMiC offers so little that more than half of the filter of {pair.title} "
            "would go: it stays as it is.",
            is_trouble=True,
        )
    return FilterPlan(
        pair,
        f"The filter of {pair.title} gets {len(rules):,} rules.",
        lambda: client.replace_dependency(ours, rules, SOURCE),
        child_id=child_id,
    )


def _create(
    client: PexClient,
    ours: Dependency | None,
    child_id: str,
    parent_id: str,
    rules: tuple[OptionRule, ...],
) -> None:
    """In the place of one of ours by another tag, if there is one."""
    if ours is not None:
        client.delete_dependency(ours)
    client.create_dependency(child_id, parent_id, rules, SOURCE)


def _values(tenant: Tenant, dropdown: Dropdown) -> dict[str, str]:
    """The Values of the options that can be chosen, by the folded code each is for."""
    adopted = OptionAlias.objects.values_of(tenant, dropdown.tag.tag_id)
    return {
        adopted.get(option.value, option.value).casefold(): option.value
        for option in dropdown.options
        if option.is_enabled
    }


def _codes_together(tenant: Tenant, pair: Pair) -> list[tuple[str, str]]:
    """Codes of the child below codes of the parent, open on an active job."""
    company = tenant.transactions.company_code
    rows = CmicCode.objects.filter(
        tenant=tenant, kind=pair.child_kind, company=company, is_active=True
    )
    first = first_kind(tenant)
    active = CmicCode.objects.filter(
        tenant=tenant, kind=first, company=company, is_active=True
    ).values("code")
    top = tenant.mapping_of(Field.JOB_DEPT_EQP)
    place = "parent" if pair.parent_kind is first else "grandparent"
    rows = rows.filter(**{f"{place}__in": active})
    if top is not None and top.static_value:
        rows = rows.filter(**{place: top.static_value})
    return list(rows.order_by().values_list("parent", "code").distinct())
