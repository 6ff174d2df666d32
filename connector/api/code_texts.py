"""Codes as others wrote them: kept to the character, and told apart from what only
looks the same. (No Django.)

Copied out of web pages, PDFs and spreadsheets, a code may carry spaces that do not
break, characters that nobody sees, digits of full width, or other dashes. Pure.
"""

from __future__ import annotations

import unicodedata

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_MINUS = "\u2212"
_VARIATIONS = ("\ufe00", "\ufe0f")
# What Unicode's own names do not make clear to everybody.
_NAMES = {
    "\u00a0": "no-break space",
    "\u00ad": "soft hyphen",
    "\u202f": "narrow no-break space",
    "\ufeff": "byte order mark",
    _MINUS: "minus sign in place of a hyphen",
}
# Letters of other alphabets that look like Latin ones.
_CYRILLIC = frozenset("АВЕЅІЈКМНОРСТУХаеоурсхѕіј")
_GREEK = frozenset("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονκ")


def exact(text: str, limit: int) -> str:
    """The text as it was written, without blanks around it, cut at `limit`; only
    control characters and broken letters, which no database holds, become blanks."""
    text = text[: limit * 4]
    if not text.isprintable():
        text = "".join(
            " " if unicodedata.category(char) in ("Cc", "Cs") else char for char in text
        )
    return text.strip(" ")[:limit]


def alike(text: str) -> str:
    """The plain text that this one looks like; itself where it is plain already."""
    if text.isascii() and "  " not in text:
        return text.strip()
    return " ".join("".join(map(_alike, text.translate(_FULL_WIDTH))).split())


def folded(text: str) -> str:
    """As values of tags are compared: PEX tells no case apart, and people no spaces
    that they do not see."""
    return alike(text).casefold()


def oddity(text: str) -> str:
    """The first character that is not what it looks like, and where it stands, such as
    “a no-break space at its end”; empty if there is none."""
    has_latin = any(char.isascii() and char.isalnum() for char in text)
    for index, char in enumerate(text):
        if char.isascii():
            continue
        if char in _CYRILLIC or char in _GREEK:
            if not has_latin:
                continue
        elif char.translate(_FULL_WIDTH) == char and _alike(char) == char:
            continue
        if index == 0:
            where = "at its beginning"
        elif index == len(text) - 1:
            where = "at its end"
        else:
            where = f"after “{text[:index]}”"
        return f"{_named(char)} {where}"
    return ""


def oddly(text: str) -> str:
    """The same as the end of a sentence about the text, or nothing."""
    found = oddity(text)
    return f", which has {found}" if found else ""


def _alike(char: str) -> str:
    if char.isascii():
        return char
    category = unicodedata.category(char)
    if category == "Cf" or _VARIATIONS[0] <= char <= _VARIATIONS[1]:
        return ""
    if category in ("Zs", "Zl", "Zp"):
        return " "
    if category == "Pd" or char == _MINUS:
        return "-"
    if category == "Nd":
        return str(unicodedata.digit(char))
    return char


def _named(char: str) -> str:
    number = f"character U+{ord(char):04X}"
    name = _NAMES.get(char) or unicodedata.name(char, "").lower() or number
    name = name.replace("fullwidth", "full-width")
    for script in ("cyrillic", "greek"):
        if name.startswith(script):
            name = f"{script.title()} letter “{char}”"
    article = "an" if name[0] in "aeiou" else "a"
    return f"{article} {name}"
