"""Which of CMiC's values a mapping offers in its tag: statuses, beginnings, exclusions.

Pure. The three lists are kept with the mapping as people wrote them.
"""

from __future__ import annotations

from dataclasses import dataclass

from connector.api.code_texts import alike


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of CMiC's values are offered; what is empty keeps nothing out."""

    statuses: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    excluded: frozenset[str] = frozenset()

    @classmethod
    def of(cls, statuses: str, prefixes: str, excluded: str) -> Filter:
        """From three lists as people write them, with commas or line breaks."""
        return cls(
            frozenset(words(statuses)),
            tuple(sorted(words(prefixes))),
            frozenset(words(excluded)),
        )

    def admits(self, code: str, status: str = "") -> bool:
        if not (self.excluded or self.statuses or self.prefixes):
            return True
        key = alike(code).casefold()
        if key in self.excluded:
            return False
        if self.statuses and status.casefold() not in self.statuses:
            return False
        return not self.prefixes or key.startswith(self.prefixes)


def words(text: str) -> list[str]:
    """The entries of a list that a person wrote, folded."""
    parts = text.replace("\n", ",").replace(";", ",").split(",")
    return [alike(part).casefold() for part in parts if alike(part)]
