"""A difference between options told: in counts, in sentences, and as it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connector.pex.types import TagOption
from sync.engine.tag_values import Target
from sync.tag_options import Difference


def counts_of(difference: Difference) -> dict[str, int]:
    return {
        "added": len(difference.added),
        "renamed": len(difference.renamed),
        "disabled": len(difference.disabled),
        "enabled": len(difference.enabled),
        "unchanged": difference.unchanged,
    }


def words_of(difference: Difference) -> str:
    counts = counts_of(difference)
    counts.pop("unchanged")
    said = [f"{count:,} {name}" for name, count in counts.items() if count]
    return f"{', '.join(said)}." if said else "Nothing to change."


def held_words(target: Target, difference: Difference) -> str:
    count = len(difference.held)
    return (
        f"CMiC offers so few {target.values_title} that {count:,} of the options would "
        "be disabled, more than half of them: they stay enabled until a person says on "
        "the Sync tags page that this is right."
    )


def details_of(difference: Difference, most: int) -> dict[str, list[Any]]:
    """Value and names of what differs, at most so many of each kind."""
    return {
        "added": _pairs(difference.added[:most]),
        "renamed": [
            [each.value, each.before, each.after] for each in difference.renamed[:most]
        ],
        "disabled": _pairs(difference.disabled[:most]),
        "enabled": _pairs(difference.enabled[:most]),
    }


def asides_of(difference: Difference, most: int) -> dict[str, list[Any]]:
    """What was not done, and what there is to remark."""
    return {
        "held": _pairs(difference.held[:most]),
        "conflicts": list(difference.conflicts[:most]),
    }


def _pairs(options: Sequence[TagOption]) -> list[list[str]]:
    return [[option.value, option.name] for option in options]
