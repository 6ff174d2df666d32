"""Receipts of a purchase as one document (F19). Pure: bytes in, bytes out.

Here are the values that travel between the parts, and nothing that needs a picture
library, because a worker loads this. What reads the bytes of others is loaded and run
by the children of `sync.workshop.pool` only: all modules here but `default_page`, which
draws from our own words.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from connector.api.cmic.types import Document

PDF, PNG, JPEG = "application/pdf", "image/png", "image/jpeg"
EXTENSIONS = {PDF: "pdf", PNG: "png", JPEG: "jpg"}

# Bounds of one purchase. Above them a file is named and left out.
MOST_FILES = 40
MOST_FILE_BYTES = 32 * 1024 * 1024
MOST_BYTES = 64 * 1024 * 1024

_STRANGE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_STEM = 40


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """One downloaded file, the name that people know it by, PEX's label for its type
    and when it was made (ISO 8601)."""

    name: str
    content: bytes
    label: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a page of the document comes from: a page of a receipt."""

    receipt: str
    page: int


@dataclass(frozen=True, slots=True)
class Receipts:
    """The document with the origin of each page, or None if there is none to send;
    what is wrong with files; and a sentence if only the size stands in the way."""

    document: Document | None
    warnings: tuple[str, ...] = ()
    pages: tuple[Origin, ...] = ()
    excess: str = ""


class UnusableReceiptError(ValueError):
    """The file cannot be used; the message says why, as the end of a sentence."""


def file_name(stem: str, content_type: str) -> str:
    """A name made of letters, digits, - and _ only, so that it is no path anywhere."""
    plain = _STRANGE.sub("-", stem).strip("-")[:_LONGEST_STEM] or "receipt"
    return f"{plain}.{EXTENSIONS[content_type]}"


def left_out(name: str, why: str) -> str:
    """The warning about a file that does not travel."""
    return f"Receipt {name} was left out: {why}"


def fingerprint(document: Document) -> str:
    """SHA-256 of the document's bytes, in hex."""
    return hashlib.sha256(document.content).hexdigest()
