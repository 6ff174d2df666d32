"""The lines of a purchase: one a split, or one for the whole (F17). Pure.

A purchase whose splits cannot be read, or do not add up to it, is held with a sentence
that names the sums: it would be booked on guesses else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from connector.api.pex.split_types import Split
from connector.api.pex.types import Purchase, Tag
from sync.rules.coding import CodedLine, CodingRules, Source, code_line
from sync.rules.reasons import Reason, ReasonCode, Who


def coded_lines(
    purchase: Purchase,
    amount: Decimal | None,
    coding: CodingRules,
    tags: Mapping[str, Tag],
) -> tuple[tuple[CodedLine, ...], list[Reason]]:
    """The lines, whose amounts carry our sign as `amount` does, and what is wrong.

    `tags` are PEX's definitions by id, empty where PEX did not tell them.
    """
    sums = _sums(purchase, amount)
    odd = [_odd_split(fault, sums) for fault in _faults(purchase, tags)]
    if amount is None:
        return (), odd
    if not purchase.splits and not odd:
        line, missing = code_line(purchase.tags, amount, coding)
        return (line,), missing
    lines: list[CodedLine] = []
    problems: list[Reason] = []
    for split in purchase.splits:
        said = split.amount or Decimal("0.00")
        # Not times -1, which would put a minus before a zero.
        line, missing = code_line(split.tags, -said if amount < 0 else said, coding)
        lines.append(line)
        odd += _of_strange_tags(split, line, tags)
        problems += missing
    total = sum((line.amount for line in lines), Decimal("0.00"))
    if odd:
        problems = [*odd, *problems]
    elif any(split.amount is None for split in purchase.splits):
        problems.insert(0, _mismatch("The amount of a split cannot be read."))
    elif total != amount:
        problems.insert(0, _mismatch(_difference(total, amount)))
    return tuple(lines), problems


def _sums(purchase: Purchase, amount: Decimal | None) -> str:
    """What the splits add up to, if fractions of a cent are all that is wrong with
    them; else empty."""
    splits = purchase.splits
    fractions = sum(split.exact is not None for split in splits)
    if amount is None or not fractions or fractions < len(purchase.odd_splits):
        return ""
    total = Decimal("0.00")
    for split in splits:
        said = split.exact if split.amount is None else split.amount
        if said is None:
            return ""
        total += said
    return _difference(-total if amount < 0 else total, amount)


def _difference(total: Decimal, amount: Decimal) -> str:
    """Both sums and how far they are apart, as a sentence."""
    apart = abs(amount - total)
    if not apart:
        return f"The splits add up to {_exact(total)}, which is the purchase's amount."
    return (
        f"The splits add up to {_exact(total)}, the purchase is {_exact(amount)}: the "
        f"difference is {_exact(apart)}."
    )


def _exact(amount: Decimal) -> str:
    """With two decimals, or with as many as it has."""
    whole, _, decimals = f"{amount.normalize():f}".partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def _faults(purchase: Purchase, tags: Mapping[str, Tag]) -> Iterable[str]:
    """What cannot be read of its splits, as the ends of sentences."""
    yield from purchase.odd_splits
    for tag in purchase.tags:
        definition = tags.get(tag.tag_id)
        if definition is not None and definition.is_split:
            yield f"is no split but the value “{tag.value or ''}”"


def _of_strange_tags(
    split: Split, line: CodedLine, tags: Mapping[str, Tag]
) -> list[Reason]:
    """A split's tags have ids only. One that PEX does not know may be what a mapped
    field needs, and then the default is a guess."""
    if Source.DEFAULT not in line.sources or not tags:
        return []
    return [
        _odd_split(f"has the value “{tag.value or ''}” of a tag that PEX does not have")
        for tag in split.tags
        if not tag.name and tag.tag_id not in tags
    ]


def _odd_split(fault: str, sums: str = "") -> Reason:
    return _mismatch(f"A split of the purchase {fault}. {sums}".rstrip())


def _mismatch(message: str) -> Reason:
    return Reason(
        ReasonCode.SPLIT_MISMATCH,
        f"{message} Correct the splits in PEX.",
        Who.CARDHOLDER,
    )
