"""PEX's tag filters as frozen values (§5.4); the calls are `tags`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.api.pex.reading import UnreadableError, read_code, read_text


@dataclass(frozen=True, slots=True)
class OptionRule:
    """Which options of a tag go with some of another's; both by Value, sorted."""

    triggers: tuple[str, ...]
    allowed: tuple[str, ...]


@dataclass(frozen=True)
class Dependency:
    """A tag filter: what is chosen in the parent narrows the child (§5.4).

    `allows_all` is its “Otherwise”; `rule_ids` are PEX's, by their triggers.
    """

    dependency_id: str
    child_id: str
    parent_id: str
    source: str = ""
    condition: str = ""
    allows_all: bool = True
    rules: tuple[OptionRule, ...] = ()
    rule_ids: Mapping[tuple[str, ...], Any] = field(default_factory=dict)

    @classmethod
    def from_api(cls, data: Any) -> Dependency:
        if not isinstance(data, Mapping):
            raise UnreadableError("the tag filter is not an object")
        read = [
            (_read_rule(each), each)
            for each in _list(data.get("Rules"))
            if isinstance(each, Mapping)
        ]
        default, source = data.get("Default"), data.get("Source")
        conditions = (each.get("Condition") for _, each in read)
        return cls(
            dependency_id=read_text(data.get("DependencyId"), numbers=True),
            child_id=read_text(data.get("DependentTagId")),
            parent_id=read_text(data.get("DependsOnTagId")),
            source=read_text(_member(source, "Name")),
            condition=next((read_text(_member(c, "Type")) for c in conditions), ""),
            allows_all=_member(default, "AllowedAll") is not False,
            rules=tuple(rule for rule, _ in read),
            rule_ids={rule.triggers: each.get("RuleId") for rule, each in read},
        )


def _read_rule(data: Mapping[str, Any]) -> OptionRule:
    return OptionRule(
        _texts(_member(data.get("Condition"), "TriggerOptions")),
        _texts(data.get("AllowedOptions")),
    )


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(sorted(read_code(each) for each in _list(values)))


def _member(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, Mapping) else None


def _list(data: Any) -> Sequence[Any]:
    return data if isinstance(data, list) else []
