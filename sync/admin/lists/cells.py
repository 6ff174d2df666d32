"""Text from outside in a table that a spreadsheet opens: it stays text. Pure."""

from __future__ import annotations

# A cell that begins so is a formula to Excel, LibreOffice and Google Sheets.
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def plain_text(value: str) -> str:
    """The value as a cell that no spreadsheet computes; an apostrophe says so."""
    clean = value.replace("\x00", "")
    return f"'{clean}" if clean.startswith(_STARTS_A_FORMULA) else clean
