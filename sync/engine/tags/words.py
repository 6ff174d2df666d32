"""A difference between options told: in counts, in sentences, and as it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connector.api.pex.types import TagOption
from sync.engine.tags.halving import Written
from sync.engine.tags.planning import Target
from sync.models.tagging import LEFT, REFUSED
from sync.rules.tag_options import Difference

_MOST_NAMED = 5


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
    parts = [f"{count:,} {name}" for name, count in counts.items() if count]
    return f"{', '.join(parts)}." if parts else "Nothing to change."


def held_words(target: Target, difference: Difference) -> str:
    count = len(difference.held)
    return (
        f"CMiC offers so few {target.kind.plural} that {count:,} of the options would "
        "be disabled, more than half of them: they stay enabled until a person says on "
        "the Sync tags page that this is right."
    )


def written_words(written: Written) -> str:
    """What was done, why not all, and what to do."""
    if written.is_whole:
        return words_of(written.done)
    done = [words_of(written.done)] if written.done.is_changed else []
    return " ".join([*done, _not_written_words(written)])


def _not_written_words(written: Written) -> str:
    left = f"{len(written.left):,} changes" if len(written.left) != 1 else "1 change"
    if written.list_refused:
        return (
            f"PEX refuses the list of this tag even unchanged: {written.list_refused}. "
            f"{left} could not be written. Ask PEX support what is wrong with the tag."
        )
    sentences = [_refused_words(written)] if written.refused else []
    if written.is_doubtful:
        sentences.append(
            f"{left} may not be written, PEX did not say; the next sync reads the tag "
            "again."
        )
    elif written.left:
        sentences.append(f"Not written yet: {left}; the next sync goes on with that.")
    elif written.refused:
        sentences.append("Everything else was written.")
    if written.refused:
        what = "its name" if len(written.refused) == 1 else "their names"
        sentences.append(
            f"Change {what} in CMiC, or leave the code out in the field mapping."
        )
    return " ".join(sentences)


def _refused_words(written: Written) -> str:
    named = [
        f"“{each.option.name}” ({each.option.value}): {each.sentence}"
        for each in written.refused[:_MOST_NAMED]
    ]
    more = len(written.refused) - len(named)
    rest = [f"and {more:,} more"] if more else []
    if len(written.refused) == 1:
        return f"PEX refused the option {named[0]}."
    return f"PEX refused {len(written.refused):,} options: {'; '.join(named + rest)}."


def record_of(written: Written, most: int) -> tuple[dict[str, int], dict[str, Any]]:
    """Counts and details as they are kept, of what was done and what was not."""
    counts = {**counts_of(written.done), "held": len(written.planned.held)}
    details = {
        **details_of(written.done, most),
        **asides_of(written.planned, most),
        REFUSED: _pairs([each.option for each in written.refused[:most]]),
        LEFT: _pairs(written.left[:most]),
    }
    return counts, details


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
