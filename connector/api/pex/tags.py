"""The calls about PEX's tags, and about the filters between them (§5).

A dropdown that is to be changed is kept as PEX sent it, so that what this client does
not know of it goes back as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from connector.api.pex.api import PexApi
from connector.api.pex.dependency_types import Dependency, OptionRule
from connector.api.pex.reading import (
    UnreadableError,
    read_code,
    read_flag,
    read_or_none,
    read_text,
)
from connector.api.pex.types import Tag, TagOption
from connector.api.wire.transport import Answer

# A list of 100,000 options is some 10 MB.
_LIST_BYTES = 64 * 1024 * 1024
_SHORT = 200
# What PEX calls it is documented nowhere; where a filter is there, its word is taken.
_ANY_OF = "AnyOf"


class _Stored(msgspec.Struct):
    """What the answer to a write must have; its list is what was sent."""

    Id: str


@dataclass(frozen=True)
class Dropdown:
    """A dropdown with all its options, those that restrictions hide included."""

    tag: Tag
    source: Mapping[str, Any]

    @property
    def options(self) -> tuple[TagOption, ...]:
        return self.tag.options

    @classmethod
    def from_api(cls, data: Any) -> Dropdown:
        """Raises `UnreadableError` where an option could not be sent back whole."""
        if not isinstance(data, Mapping):
            raise UnreadableError("the tag is not an object")
        tag = Tag.from_api({**data, "Options": None})
        listed = data.get("Options")
        if not tag.is_dropdown or not isinstance(listed, list | None):
            raise UnreadableError("the tag is no dropdown")
        if not data.get("ConcurrencyKey"):
            raise UnreadableError("the tag has no ConcurrencyKey")
        if not all(
            isinstance(each, dict) and each.get("Value") for each in listed or ()
        ):
            raise UnreadableError("an option has no value")
        options = tuple(
            TagOption(
                _text(each.get("Name"), partial(read_text, numbers=True)),
                _text(each["Value"], read_code),
                each.get("IsEnabled") is not False,
            )
            for each in listed or ()
        )
        return cls(replace(tag, options=options), data)

    def body(self, options: Sequence[TagOption]) -> dict[str, Any]:
        """What is sent to have these options: the old ones in their order, then new.

        Only a name or a switch that differs is put in the place of PEX's own.
        """
        listed = list(self.source.get("Options") or ())
        changed = [
            old if new == known else _changed(old, known, new)
            for old, known, new in zip(listed, self.options, options, strict=False)
        ]
        added = [_option_body(each) for each in options[len(listed) :]]
        return {**self.source, "Options": [*changed, *added]}


def _text(value: Any, read: Callable[[Any], str]) -> str:
    """As `read` does, which takes its time with each of 100,000 options."""
    if isinstance(value, str) and len(value) <= _SHORT and value.isprintable():
        return value.strip()
    return read(value)


def _changed(
    old: Mapping[str, Any], known: TagOption, new: TagOption
) -> dict[str, Any]:
    name = old.get("Name") if new.name == known.name else new.name
    return {**old, "Name": name, "IsEnabled": new.is_enabled}


def _option_body(option: TagOption) -> dict[str, Any]:
    return {
        "Name": option.name,
        "Value": option.value,
        "Order": 0,
        "IsEnabled": option.is_enabled,
    }


class TagCalls(PexApi):
    """Every method raises the errors of `connector.api.exceptions`."""

    def list_tags(self) -> list[Tag]:
        """All tag definitions with options; 403 when the feature is off (§5.1)."""
        data = self.call("GET", "V4/Business/Configuration/Tags").json()
        tags = (read_or_none(Tag.from_api, entry) for entry in self._list(data))
        return [tag for tag in tags if tag is not None]

    def create_dropdown(
        self,
        name: str,
        description: str,
        options: Sequence[TagOption],
        *,
        required: bool,
    ) -> Tag:
        """A new dropdown tag, enabled, with its options (§5.1, §5.2).

        Not idempotent: after an error that `may_have_succeeded`, list before creating.
        """
        data = self.call(
            "POST",
            "V4/Business/Configuration/Tag/Dropdown",
            body={
                "Name": name,
                "Description": description,
                "IsRequired": required,
                "IsEnabled": True,
                "Options": [_option_body(option) for option in options],
            },
        ).json()
        return self._parsed(Tag.from_api, data)

    def read_dropdown(self, tag_id: str) -> Dropdown:
        """The tag as it must be read to be changed (P9); 404 where it is gone."""
        answer = self.call(
            "GET",
            f"V4/Business/Configuration/Tag/{quote(tag_id, safe='')}",
            params={"OverrideRestrictions": "true"},
            max_bytes=_LIST_BYTES,
        )
        # The list goes back as it came: nothing of it is read as money.
        return self._parsed(Dropdown.from_api, self._decoded(answer, Any))

    def replace_options(self, dropdown: Dropdown, options: Sequence[TagOption]) -> None:
        """Have PEX keep this whole list, which begins with the options it has now.

        Refused with `ConflictError` when somebody changed the tag since it was read,
        so after an error that `may_have_succeeded` it may be read and sent again.
        """
        tag_id = dropdown.tag.tag_id
        answer = self.call(
            "PUT",
            f"V4/Business/Configuration/Tag/Dropdown/{quote(tag_id, safe='')}",
            body=dropdown.body(options),
            max_bytes=_LIST_BYTES,
        )
        self._decoded(answer, _Stored)

    def has_dependencies(self) -> bool:
        """Whether the business may have tag filters (`UseTagDependencies`, §6)."""
        data = self._object(self.call("GET", "V4/Business/Settings").json())
        return read_or_none(read_flag, data.get("UseTagDependencies")) is True

    def list_dependencies(self) -> list[Dependency]:
        """All of the business, without their rules."""
        return self._filters("V4/tags/dependencies")

    def list_option_dependencies(self, child_id: str) -> list[Dependency]:
        """Those of one tag, with their rules."""
        return self._filters(_filter_path(child_id))

    def create_dependency(
        self, child_id: str, parent_id: str, rules: Sequence[OptionRule], source: str
    ) -> None:
        """Not idempotent: after an error that `may_have_succeeded`, list first."""
        body = _filter_body(parent_id, rules, source, _ANY_OF)
        self.call("POST", _filter_path(child_id), body=body)

    def replace_dependency(
        self, there: Dependency, rules: Sequence[OptionRule], source: str
    ) -> None:
        """Harmless to repeat."""
        body = _filter_body(there.parent_id, rules, source, there.condition or _ANY_OF)
        for rule in body["Rules"]:
            triggers = tuple(sorted(rule["Condition"]["TriggerOptions"]))
            if triggers in there.rule_ids:
                rule["RuleId"] = there.rule_ids[triggers]
        self.call("PUT", _filter_path(there.child_id, there.dependency_id), body=body)

    def delete_dependency(self, there: Dependency) -> None:
        self.call("DELETE", _filter_path(there.child_id, there.dependency_id))

    def _filters(self, path: str) -> list[Dependency]:
        rows = self._list(self.call("GET", path).json())
        return [self._parsed(Dependency.from_api, each) for each in rows]

    def _decoded(self, answer: Answer, kind: Any) -> Any:
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise self._unexpected("a tag that cannot be read") from error


def _filter_path(child_id: str, dependency_id: str = "") -> str:
    path = f"V4/tags/{quote(child_id, safe='')}/option-dependencies"
    return f"{path}/{quote(dependency_id, safe='')}" if dependency_id else path


def _filter_body(
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
