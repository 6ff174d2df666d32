"""Which options of a tag go with which of the tag above it (F9), as rules for PEX.

Pure: the pairs of codes that CMiC has, the options of both tags and the filters that
PEX has are arguments. Reading and writing them is `sync.engine.tags.filters`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from connector.api.pex.dependency_types import Dependency, OptionRule

SOURCE = "CMiC"
MOST_FILTERS = 10
LONGEST_CHAIN = 3


def rules_for(
    pairs: Iterable[tuple[str, str]],
    parents: Mapping[str, str],
    children: Mapping[str, str],
) -> tuple[OptionRule, ...]:
    """One rule for all parents that allow the same children; in an order of its own.

    `parents` and `children` are the options' Values by folded code. A parent without a
    child that can be chosen has no rule: PEX then offers everything, and nobody is
    locked out.
    """
    allowed: dict[str, set[str]] = defaultdict(set)
    for parent, child in pairs:
        above, below = parents.get(parent.casefold()), children.get(child.casefold())
        if above is not None and below is not None:
            allowed[above].add(below)
    triggers: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for above, below_all in allowed.items():
        triggers[tuple(sorted(below_all))].append(above)
    rules = (
        OptionRule(tuple(sorted(above)), below) for below, above in triggers.items()
    )
    return tuple(sorted(rules, key=lambda rule: rule.triggers))


def is_same(there: Dependency, rules: Sequence[OptionRule]) -> bool:
    """Whether the filter does what these rules say, in whatever order."""
    return there.allows_all and _allowed(there.rules) == _allowed(rules)


def is_believable(
    there: Dependency, rules: Sequence[OptionRule], parents: Mapping[str, str]
) -> bool:
    """Whether at least half of what is filtered now still is.

    Of the parents that can be chosen, by code: CMiC's list may have come short.
    """
    choosable = set(parents.values())
    before = sum(trigger in choosable for trigger in _allowed(there.rules))
    return len(_allowed(rules)) * 2 >= before


def obstacle(
    child: str, parent: str, there: Iterable[Dependency], names: Mapping[str, str]
) -> str:
    """Why PEX would not take a filter of `child` by `parent`; empty if it would.

    `there` are all filters of the business without the one that is to be replaced;
    `names` those of tags, for the sentence.
    """
    parents = {each.child_id: each.parent_id for each in there}
    title = names.get(child, child)
    if child in parents:
        other = names.get(parents[child], "another tag")
        return (
            f"“{title}” is filtered by “{other}” already, and PEX takes one filter a "
            "tag. It was not made by this connector: delete it in PEX to have this one."
        )
    if len(parents) >= MOST_FILTERS:
        return (
            f"PEX takes {MOST_FILTERS} tag filters a business, and there are "
            f"{len(parents)}: “{title}” gets none. Delete one in PEX first."
        )
    parents[child] = parent
    if any(_chain(parents, tag) > LONGEST_CHAIN for tag in parents):
        return (
            f"PEX takes chains of {LONGEST_CHAIN} tags, and with “{title}” filtered by "
            f"“{names.get(parent, parent)}” one would be longer: “{title}” gets no "
            "filter. Delete another in PEX first."
        )
    return ""


def _chain(parents: Mapping[str, str], tag: str) -> int:
    """The number of tags from this one up; a ring counts as too long."""
    length = 1
    while tag in parents and length <= LONGEST_CHAIN:
        tag = parents[tag]
        length += 1
    return length


def _allowed(rules: Iterable[OptionRule]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for rule in rules:
        for trigger in rule.triggers:
            found[trigger] = found.get(trigger, frozenset()) | frozenset(rule.allowed)
    return found
