"""What a dropdown's options become so that cardholders choose from what CMiC has (F8).

Pure and linear: CMiC's values, the options as they are and the label style are
arguments; the new list and the difference come out. An option is never taken away and
its Value never changes; options that stand for nothing of CMiC's are left alone.
Reading, writing and recording are `sync.engine.tags.sync`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connector.api.pex.option_names import Label, Value, distinct_names, label_of
from connector.api.pex.types import TagOption


@dataclass(frozen=True, slots=True)
class Renaming:
    value: str
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """The new list, and what is different in it.

    `options` begins with the options that were there, in their order; new ones follow.
    `held` would be disabled and wait for a person. `adopted` are options found to stand
    for a code that is not their Value: the code by the Value.
    """

    options: tuple[TagOption, ...]
    added: tuple[TagOption, ...] = ()
    renamed: tuple[Renaming, ...] = ()
    disabled: tuple[TagOption, ...] = ()
    enabled: tuple[TagOption, ...] = ()
    held: tuple[TagOption, ...] = ()
    unchanged: int = 0
    adopted: Mapping[str, str] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()

    @property
    def is_changed(self) -> bool:
        return bool(self.added or self.renamed or self.disabled or self.enabled)


def plan_options(
    values: Iterable[Value],
    options: Sequence[TagOption],
    *,
    style: str = Label.NAME,
    adopted: Mapping[str, str] | None = None,
    disable_all: bool = False,
) -> Difference:
    """What must become of the options.

    `adopted` are the codes that earlier plans found options to stand for, by
    Value. Where CMiC offers less than half of what is enabled for it now, nothing is
    disabled (`held`), unless a person said `disable_all`.
    """
    conflicts: list[str] = []
    known = _by_code(values, conflicts)
    matched = _match(known, options, adopted or {})
    found = _adopt(known, options, matched, style, conflicts)
    matched |= found
    names = distinct_names(
        _to_name(known, matched), _taken(options, matched), style, conflicts
    )
    wanted = [
        _wanted(option, known, matched.get(index), names)
        for index, option in enumerate(options)
    ]
    there = set(matched.values())
    added = [
        TagOption(names[key], value.code, True)
        for key, value in known.items()
        if value.is_active and key not in there
    ]
    held = [] if disable_all else _held(known, options, matched, wanted)
    for index in held:
        wanted[index] = replace(wanted[index], is_enabled=True)
    _keep_one(options, wanted, added, conflicts)
    return replace(
        difference_between(options, [*wanted, *added]),
        held=tuple(options[index] for index in held),
        adopted={
            options[index].value: known[key].code
            for index, key in matched.items()
            if (adopted or {}).get(options[index].value, options[index].value)
            != known[key].code
        },
        conflicts=tuple(conflicts),
    )


def _by_code(values: Iterable[Value], conflicts: list[str]) -> dict[str, Value]:
    """By folded code, in the order of codes: PEX tells no upper from lower case."""
    found: dict[str, Value] = {}
    others: dict[str, list[Value]] = defaultdict(list)
    for value in values:
        key = value.code.casefold()
        if key and found.setdefault(key, value) is not value:
            others[key].append(value)
    for key in sorted(others):
        first, *rest = sorted([found[key], *others[key]], key=_rank)
        found[key] = first
        for code in dict.fromkeys(each.code for each in rest if each.is_active):
            if code != first.code:
                conflicts.append(
                    f"CMiC has the codes “{first.code}” and “{code}”, which PEX cannot "
                    f"tell apart: “{code}” is left out."
                )
    return {key: found[key] for key in sorted(found)}


def _rank(value: Value) -> tuple[bool, str, str]:
    return not value.is_active, value.code, value.name


def _match(
    known: Mapping[str, Value],
    options: Sequence[TagOption],
    adopted: Mapping[str, str],
) -> dict[int, str]:
    """Which option stands for which value: by Value, or as adopted earlier."""
    owners: dict[str, int] = {}

    def claim(index: int) -> tuple[int, str]:
        value = options[index].value
        direct = value.casefold()
        if direct in known:
            return (0 if known[direct].code == value else 1), direct
        return 2, adopted.get(value, "").casefold()

    for index in range(len(options)):
        strength, key = claim(index)
        if key not in known:
            continue
        holder = owners.setdefault(key, index)
        if holder != index and (strength, options[index].value) < (
            claim(holder)[0],
            options[holder].value,
        ):
            owners[key] = index
    return {index: key for key, index in owners.items()}


def _adopt(
    known: Mapping[str, Value],
    options: Sequence[TagOption],
    matched: Mapping[int, str],
    style: str,
    conflicts: list[str],
) -> dict[int, str]:
    """Options that a person made, for values that have none, by their name."""
    foreign = _foreign(options, matched)
    if not foreign:
        return {}
    there = set(matched.values())
    claims: dict[int, list[str]] = defaultdict(list)
    for key, value in known.items():
        if value.is_active and key not in there:
            names = (label_of(value, each).casefold() for each in (style, *Label))
            index = next((foreign[name] for name in names if name in foreign), None)
            if index is not None:
                claims[index].append(key)
    conflicts += [
        f"The option “{options[index].name}” was made by hand, and its name fits "
        f"several codes ({', '.join(known[key].code for key in keys[:5])}): it is left "
        "alone."
        for index, keys in claims.items()
        if len(keys) > 1
    ]
    return {index: keys[0] for index, keys in claims.items() if len(keys) == 1}


def _foreign(
    options: Sequence[TagOption], matched: Mapping[int, str]
) -> dict[str, int]:
    """The options that stand for nothing yet, by folded name; of those of one name the
    one with the lowest Value."""
    unmatched = [index for index in range(len(options)) if index not in matched]
    unmatched.sort(key=lambda index: options[index].value, reverse=True)
    return {
        " ".join(options[index].name.split()).casefold(): index for index in unmatched
    }


def _to_name(
    known: Mapping[str, Value], matched: Mapping[int, str]
) -> dict[str, Value]:
    """The values that have or get an option."""
    there = set(matched.values())
    return {
        key: value for key, value in known.items() if value.is_active or key in there
    }


def _taken(options: Sequence[TagOption], matched: Mapping[int, str]) -> set[str]:
    return {
        option.name.casefold()
        for index, option in enumerate(options)
        if index not in matched
    }


def _wanted(
    option: TagOption,
    known: Mapping[str, Value],
    key: str | None,
    names: Mapping[str, str],
) -> TagOption:
    if key is None:
        return option
    is_active = known[key].is_active
    if option.name == names[key] and option.is_enabled == is_active:
        return option
    return TagOption(names[key], option.value, is_active)


def _held(
    known: Mapping[str, Value],
    options: Sequence[TagOption],
    matched: Mapping[int, str],
    wanted: Sequence[TagOption],
) -> list[int]:
    """The options to disable, if CMiC's list is so short that a person must say so."""
    before = sum(options[index].is_enabled for index in matched)
    offered = sum(value.is_active for value in known.values())
    if offered * 2 >= before:
        return []
    held = [
        index
        for index, option in enumerate(options)
        if option.is_enabled and not wanted[index].is_enabled
    ]
    # The last one stays in any case: there is nothing to ask.
    is_last = offered == 0 and not any(option.is_enabled for option in wanted)
    return [] if is_last and len(held) == 1 else held


def _keep_one(
    options: Sequence[TagOption],
    wanted: list[TagOption],
    added: Sequence[TagOption],
    conflicts: list[str],
) -> None:
    """PEX refuses a list of which nothing is enabled."""
    if added or not wanted or any(option.is_enabled for option in wanted):
        return
    index = min(
        range(len(options)),
        key=lambda each: (not options[each].is_enabled, options[each].value),
    )
    wanted[index] = replace(wanted[index], is_enabled=True)
    conflicts.append(
        f"“{wanted[index].name}” stays enabled although CMiC does not offer it: PEX "
        "needs one enabled option."
    )


def difference_between(
    options: Sequence[TagOption], wanted: Sequence[TagOption]
) -> Difference:
    """What differs in a list that begins with the options that were there."""
    renamed: list[Renaming] = []
    disabled: list[TagOption] = []
    enabled: list[TagOption] = []
    unchanged = 0
    for old, new in zip(options, wanted, strict=False):
        if old.name != new.name:
            renamed.append(Renaming(old.value, old.name, new.name))
        if old.is_enabled != new.is_enabled:
            (enabled if new.is_enabled else disabled).append(new)
        unchanged += old == new
    return Difference(
        options=tuple(wanted),
        added=tuple(wanted[len(options) :]),
        renamed=tuple(renamed),
        disabled=tuple(disabled),
        enabled=tuple(enabled),
        unchanged=unchanged,
    )
