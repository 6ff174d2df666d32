"""Free texts as CMiC's columns take them: characters that it has, counted in bytes.

CMiC documents neither. Assumed is what holds for every Oracle database that may be
behind it: a column of 30 takes 30 bytes of UTF-8, and of all characters only those of
Latin-1 are certain to be there. Codes are never changed here. Pure.
"""

from __future__ import annotations

import unicodedata

from anyascii import anyascii

# Formatting, half and unknown characters: what people do not see.
_UNSEEN = frozenset({"Cf", "Cs", "Co", "Cn", "Mn", "Me", "Mc"})
# Where arrows, pictures and emoji begin.
_PICTURES_FROM = "\u2190"


def plain(text: str) -> str:
    """The text in Latin-1: composed where Latin-1 has the whole letter, written in
    Latin letters where it has not, and without pictures."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join("".join(map(_plain, composed)).split())


def fit(text: str, width: int) -> str:
    """The beginning of the text in Latin-1 that takes `width` bytes of UTF-8 at most.

    Each character of Latin-1 is whole by itself, so none loses its accent.
    """
    return plain(text).encode()[: max(width, 0)].decode(errors="ignore")


def _plain(char: str) -> str:
    if " " <= char <= "~":
        return char
    category = unicodedata.category(char)
    if category in _UNSEEN:
        return ""
    if category.startswith("Z") or category == "Cc":
        return " "
    if char <= "\xff":
        return char
    if category in ("So", "Sk") and char >= _PICTURES_FROM:
        return ""
    return anyascii(char)
