"""The calls about PEX's tag filters, options that depend on another tag's (§5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from connector.api.pex.api import PexApi
from connector.api.pex.dependency_types import Dependency, OptionRule
from connector.api.pex.reading import read_flag, read_or_none

# What PEX calls it is documented nowhere; where a filter is there, its word is taken.
_ANY_OF = "AnyOf"


class DependencyCalls(PexApi):
    """Every method raises the errors of `connector.api.exceptions`."""

    def has_dependencies(self) -> bool:
        """Whether the business may have tag filters (`UseTagDependencies`, §6)."""
        data = self._object(self.call("GET", "V4/Business/Settings").json())
        return read_or_none(read_flag, data.get("UseTagDependencies")) is True

    def list_dependencies(self) -> list[Dependency]:
        """All of the business, without their rules."""
        data = self.call("GET", "V4/tags/dependencies").json()
        return [self._parsed(Dependency.from_api, each) for each in self._list(data)]

    def list_option_dependencies(self, child_id: str) -> list[Dependency]:
        """Those of one tag, with their rules."""
        data = self.call("GET", _path(child_id)).json()
        return [self._parsed(Dependency.from_api, each) for each in self._list(data)]

    def create_dependency(
        self, child_id: str, parent_id: str, rules: Sequence[OptionRule], source: str
    ) -> None:
        """Not idempotent: after an error that `may_have_succeeded`, list first."""
        body = _body(parent_id, rules, source, _ANY_OF)
        self.call("POST", _path(child_id), body=body)

    def replace_dependency(
        self, there: Dependency, rules: Sequence[OptionRule], source: str
    ) -> None:
        """Harmless to repeat."""
        body = _body(there.parent_id, rules, source, there.condition or _ANY_OF)
        for rule in body["Rules"]:
            triggers = tuple(sorted(rule["Condition"]["TriggerOptions"]))
            if triggers in there.rule_ids:
                rule["RuleId"] = there.rule_ids[triggers]
        self.call("PUT", _path(there.child_id, there.dependency_id), body=body)

    def delete_dependency(self, there: Dependency) -> None:
        self.call("DELETE", _path(there.child_id, there.dependency_id))


def _path(child_id: str, dependency_id: str = "") -> str:
    path = f"V4/tags/{quote(child_id, safe='')}/option-dependencies"
    return f"{path}/{quote(dependency_id, safe='')}" if dependency_id else path


def _body(
    parent_id: str, rules: Sequence[OptionRule], source: str, condition: str
) -> dict[str, Any]:
    """“Otherwise” allows everything: a parent that has no rule locks nobody out."""
    return {
        "DependsOnTagId": parent_id,
        "Rules": [
            {
                "Condition": {
                    "Type": condition,
                    "TriggerOptions": list(rule.triggers),
                },
                "AllowedOptions": list(rule.allowed),
            }
            for rule in rules
        ],
        "Default": {"AllowedAll": True, "AllowedOptions": []},
        "Source": {"Name": source},
    }
