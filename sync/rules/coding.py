"""Which codes each line gets, where each came from (F6), and whether CMiC has them
(F18). Pure: tags, mapping and catalog are arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import product
from typing import Any

from connector.api.cmic.types import CodeKind, LineType
from connector.api.code_texts import alike, oddly
from connector.api.pex.split_types import TagValue
from connector.api.pex.types import Tag, is_same_name
from sync.rules.reasons import Reason, ReasonCode, Who
from sync.rules.tag_reading import Meaning, Meanings, TagReader


class Source(StrEnum):
    """Where a value came from. A tag on the purchase wins over the default."""

    TAG = "tag"
    DEFAULT = "default"
    STATIC = "static"


@dataclass(frozen=True)
class FieldRule:
    """How one of the three coded fields is filled.

    `definition` is the tag as PEX has it now; None if PEX has no such tag (or did not
    say), and then the tag is recognised by its name alone. `adopted` are the codes of
    options whose Value is another, by that Value; `former` those of names that options
    had once. Both are folded.
    """

    label: str
    kind: CodeKind
    static: str = ""
    tag: str = ""
    default: str = ""
    definition: Tag | None = None
    is_tag_gone: bool = False
    adopted: Mapping[str, str] = field(default_factory=dict)
    former: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def reader(self) -> TagReader:
        options = self.definition.options if self.definition is not None else ()
        return TagReader(options, self.adopted, self.former)


@dataclass(frozen=True)
class CodingRules:
    """The three (for departments two) coded fields, and the type they are codes of."""

    type: LineType
    fields: tuple[FieldRule, ...]
    meanings: Meanings = field(default_factory=Meanings)


@dataclass(frozen=True)
class CodedLine:
    """One line with its codes and their sources; a missing code is empty. `chosen` says
    of each code what a person chose it for, and is empty where none was chosen so."""

    type: LineType
    codes: tuple[str, ...]
    sources: tuple[str, ...]
    amount: Decimal
    chosen: tuple[Meaning | None, ...] = ()

    def to_json(self) -> dict[str, Any]:
        plain = {
            "type": str(self.type),
            "codes": list(self.codes),
            "sources": [str(source) for source in self.sources],
            "amount": f"{self.amount:.2f}",
        }
        if not any(self.chosen):
            return plain
        chosen = [each and {"value": each.value, "by": each.by} for each in self.chosen]
        return {**plain, "chosen": chosen}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CodedLine:
        """As it is sent; who chose which code is only shown."""
        return cls(
            type=LineType(data["type"]),
            codes=tuple(data["codes"]),
            sources=tuple(data["sources"]),
            amount=Decimal(data["amount"]),
        )


# kind, grandparent, parent, code
Place = tuple[CodeKind, str, str, str]


@dataclass(frozen=True)
class Catalog:
    """What CMiC has, as far as some lines ask.

    `places` are the active rows; `anywhere` says of a kind's code whether it is active
    somewhere in the company (absent: unknown); `checked` are the kinds that were read.
    """

    places: frozenset[Place] = frozenset()
    anywhere: Mapping[tuple[CodeKind, str], bool] = field(default_factory=dict)
    checked: frozenset[CodeKind] = frozenset()


def code_line(
    tags: Sequence[TagValue], amount: Decimal, rules: CodingRules
) -> tuple[CodedLine, list[Reason]]:
    """The line's codes by precedence tag > default > static, and what is missing."""
    codes, sources, reasons = [], [], []
    for rule in rules.fields:
        code, source = _value(tags, rule)
        codes.append(code or "")
        sources.append(source)
        if code is None:
            reasons.append(_unreadable(rule))
        elif not code:
            reasons.append(_missing(rule))
    return CodedLine(rules.type, tuple(codes), tuple(sources), amount), reasons


def places_of(line: CodedLine, rules: CodingRules) -> list[Place]:
    """Where in CMiC's reference data each of the line's codes must stand.

    Accounts are not kept below a department; every other kind hangs on the code
    before it, and the third on both.
    """
    places: list[Place] = []
    for level, (code, rule) in enumerate(zip(line.codes, rules.fields, strict=True)):
        hangs_on = "" if rule.kind is CodeKind.ACCOUNT else "".join(line.codes[:1])
        if level == 0:
            places.append((rule.kind, "", "", code))
        elif level == 1:
            places.append((rule.kind, "", hangs_on, code))
        else:
            places.append((rule.kind, line.codes[0], line.codes[1], code))
    return places


def spellings(
    line: CodedLine, rules: CodingRules, transaction_id: int
) -> Iterable[CodedLine]:
    """The line, and those with the codes that its own may turn out to be (`spelt`)."""
    choices = []
    for level, code in enumerate(line.codes):
        meaning = _meaning(line, level, rules, transaction_id)
        said = [meaning.code] if meaning else []
        choices.append(dict.fromkeys([code, alike(code), *said]))
    return (replace(line, codes=codes) for codes in product(*choices))


def spelt(
    line: CodedLine, rules: CodingRules, catalog: Catalog, transaction_id: int
) -> CodedLine:
    """The line with the codes as CMiC has them: what only looks like a code that CMiC
    has is that code, and what is no code is the one that a person said it means."""
    codes = list(line.codes)
    meanings: list[Meaning | None] = [None] * len(codes)
    for level, (code, rule) in enumerate(zip(line.codes, rules.fields, strict=True)):
        kind = rule.kind
        if kind not in catalog.checked or (kind, code) in catalog.anywhere:
            continue
        if (kind, alike(code)) in catalog.anywhere:
            codes[level] = alike(code)
            continue
        meaning = _meaning(line, level, rules, transaction_id)
        if meaning and (kind, meaning.code) in catalog.anywhere:
            codes[level], meanings[level] = meaning.code, meaning
    told = tuple(meanings) if any(meanings) else ()
    return replace(line, codes=tuple(codes), chosen=told)


def _meaning(
    line: CodedLine, level: int, rules: CodingRules, transaction_id: int
) -> Meaning | None:
    if line.sources[level] != Source.TAG:
        return None
    kind = rules.fields[level].kind
    return rules.meanings.of(transaction_id, kind, line.codes[level])


def check_line(line: CodedLine, rules: CodingRules, catalog: Catalog) -> list[Reason]:
    """What CMiC would refuse: unknown, inactive, or not together."""
    reasons: list[Reason] = []
    is_place_sure = True
    for place, rule, source in zip(
        places_of(line, rules), rules.fields, line.sources, strict=True
    ):
        kind, _, _, code = place
        if not code or kind not in catalog.checked:
            is_place_sure = False
            continue
        is_active = catalog.anywhere.get((kind, code))
        if is_active is None:
            reasons.append(_unknown(rule, code, source))
        elif not is_active:
            reasons.append(_inactive(rule, code, source))
        elif is_place_sure and place not in catalog.places:
            reasons.append(_not_together(line, rule, place))
        if is_active is not True or place not in catalog.places:
            # What hangs on a wrong code is wrong by that alone: one cause, one reason.
            is_place_sure = False
    return reasons


def distinct(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Each reason once, in order: two lines may lack the same."""
    return tuple(dict.fromkeys(reasons))


def _value(tags: Sequence[TagValue], rule: FieldRule) -> tuple[str | None, str]:
    """The code and its source; None where the purchase's tag cannot be read."""
    if rule.static:
        return rule.static, Source.STATIC
    chosen = _chosen(tags, rule)
    if chosen is not None:
        if chosen.value is None:
            return None, Source.TAG
        return rule.reader.code_of(chosen.value), Source.TAG
    if rule.tag and rule.definition is None and any(not tag.name for tag in tags):
        # PEX did not tell its tags, and a split's tags have ids only.
        return None, Source.TAG
    if rule.is_tag_gone:
        return "", Source.DEFAULT
    return rule.default, Source.DEFAULT


def _chosen(tags: Sequence[TagValue], rule: FieldRule) -> TagValue | None:
    if not rule.tag:
        return None
    if rule.definition is not None:
        for tag in tags:
            if tag.tag_id == rule.definition.tag_id:
                return tag
    return next((tag for tag in tags if is_same_name(tag.name, rule.tag)), None)


def _missing(rule: FieldRule) -> Reason:
    if rule.is_tag_gone:
        return Reason(
            ReasonCode.VALUE_MISSING,
            f"PEX no longer has the tag “{rule.tag}” that {rule.label} is mapped to. "
            "Choose another tag in the field mapping.",
            Who.SUPPORT,
            field=rule.label,
        )
    if rule.tag:
        return Reason(
            ReasonCode.VALUE_MISSING,
            f"{rule.label}: the purchase has no tag “{rule.tag}”, and the mapping has "
            "no default.",
            Who.CARDHOLDER,
            field=rule.label,
        )
    return Reason(
        ReasonCode.VALUE_MISSING,
        f"{rule.label} is mapped to nothing.",
        Who.SUPPORT,
        field=rule.label,
    )


def _unreadable(rule: FieldRule) -> Reason:
    return Reason(
        ReasonCode.VALUE_UNKNOWN,
        f"{rule.label}: the purchase's tag “{rule.tag}” holds a value that cannot be "
        "read. Choose it again in PEX.",
        Who.CARDHOLDER,
        field=rule.label,
    )


def _who(source: str) -> Who:
    return Who.CARDHOLDER if source == Source.TAG else Who.SUPPORT


def _unknown(rule: FieldRule, code: str, source: str) -> Reason:
    what = f"{rule.label}: CMiC has no {rule.kind.label} “{code}” ({source})"
    return Reason(
        ReasonCode.VALUE_UNKNOWN,
        f"{what}{oddly(code)}.",
        _who(source),
        field=rule.label,
        kind=rule.kind,
        value=code,
    )


def _inactive(rule: FieldRule, code: str, source: str) -> Reason:
    return Reason(
        ReasonCode.VALUE_INACTIVE,
        f"{rule.label}: the {rule.kind.label} “{code}” is closed or inactive in CMiC "
        f"({source}).",
        _who(source),
        field=rule.label,
        kind=rule.kind,
        value=code,
    )


def _not_together(line: CodedLine, rule: FieldRule, place: Place) -> Reason:
    kind, grandparent, parent, code = place
    on = " / ".join(part for part in (grandparent, parent) if part)
    return Reason(
        ReasonCode.COMBINATION_INVALID,
        f"{rule.label}: the {kind.label} “{code}” is not open on {on} in CMiC.",
        Who.CARDHOLDER if Source.TAG in line.sources else Who.SUPPORT,
        field=rule.label,
        kind=kind,
        value=code,
        place=tuple(part for part in (grandparent, parent) if part),
    )
