"""What options are called: a name for each of CMiC's values, no two the same (F7, F8).

Pure. Which options there are and which value each stands for is
`sync.rules.tag_options`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# PEX does not say its own limit; decision 21 of api/pex.md.
NAME_LIMIT = 200
# How often names that clash are told apart by their code before they are numbered.
_ROUNDS = 3


class Label(StrEnum):
    """What an option shows: `FieldMapping.Label` without the model."""

    NAME = "name"
    CODE_NAME = "code_name"
    NAME_CODE = "name_code"


@dataclass(frozen=True, slots=True)
class Value:
    """One value of CMiC; `is_active` says that it is to be chosen from."""

    code: str
    name: str
    is_active: bool = True


def label_of(value: Value, style: str) -> str:
    """What people read; the code is never cut."""
    name = _name(value)
    if style == Label.NAME or name == value.code:
        return _cut(name, NAME_LIMIT)
    if style == Label.CODE_NAME:
        head = f"{value.code} – "
        return head + _cut(name, NAME_LIMIT - len(head))
    return _with_code(value)


def distinct_names(
    values: Mapping[str, Value], taken: set[str], style: str, conflicts: list[str]
) -> dict[str, str]:
    """A name for each value, by the value's key; `taken` are folded names of others.

    A clash puts the code behind the names of all that share it, so that a name does
    not depend on which of them came first. Says in `conflicts` where a name was taken.
    """
    names = {key: label_of(value, style) for key, value in values.items()}
    told_apart: set[str] = set()
    for _ in range(_ROUNDS):
        folded = {key: name.casefold() for key, name in names.items()}
        count = Counter(folded.values())
        if len(count) == len(folded) and taken.isdisjoint(count):
            return names
        clashing = [
            key
            for key, name in folded.items()
            if key not in told_apart and (count[name] > 1 or name in taken)
        ]
        for key in clashing:
            if folded[key] in taken:
                conflicts.append(
                    f"“{names[key]}” is an option that was made by hand, so the code "
                    f"{values[key].code} is shown with its code behind the name."
                )
            names[key] = _with_code(values[key])
        told_apart.update(clashing)
    _number(names, values, taken)
    return names


def _number(
    names: dict[str, str], values: Mapping[str, Value], taken: set[str]
) -> None:
    """For names that even their codes do not tell apart."""
    seen = set(taken)
    for key, name in names.items():
        number = 2
        while name.casefold() in seen:
            name = _with_code(values[key], f" #{number}")
            number += 1
        seen.add(name.casefold())
        names[key] = name


def _name(value: Value) -> str:
    return " ".join(value.name.split()) or value.code


def _with_code(value: Value, number: str = "") -> str:
    tail = f" ({value.code}{number})"
    return _cut(_name(value), NAME_LIMIT - len(tail)) + tail


def _cut(name: str, length: int) -> str:
    return name[:length].rstrip()
