"""What a file is, by its first bytes (P8): no label and no file name is believed."""

from __future__ import annotations

from sync.receipts import UnusableReceiptError

PDF, JPEG, PNG = "PDF", "JPEG", "PNG"
WEBP, HEIF, AVIF, GIF, TIFF, BMP = "WEBP", "HEIF", "AVIF", "GIF", "TIFF", "BMP"

_STARTS = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"BM", BMP),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# A PDF may begin a little late.
_PDF_WITHIN = 1024
_OTHERS = (
    (b"<svg", "a drawing (SVG)"),
    (b"<!doctype html", "a web page (HTML)"),
    (b"<html", "a web page (HTML)"),
    (b"<?xml", "an XML file"),
    (b"pk\x03\x04", "a ZIP or Office file"),
    (b"\xd0\xcf\x11\xe0", "an Office file"),
    (b"mz", "a program"),
    (b"\x7felf", "a program"),
    (b"{\\rtf", "a text document (RTF)"),
)


def kind_of(content: bytes, label: str = "") -> str:
    """The kind, or `UnusableReceiptError` with what the file seems to be instead."""
    if not content:
        raise UnusableReceiptError("it is empty.")
    for start, kind in _STARTS:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return WEBP
    if content[4:8] == b"ftyp":
        if content[8:12] in (b"avif", b"avis"):
            return AVIF
        if content[8:12] in _HEIF_BRANDS:
            return AVIF if b"avif" in content[12:64] else HEIF
    if b"%PDF-" in content[:_PDF_WITHIN]:
        return PDF
    raise UnusableReceiptError(f"it is {_guess(content)}{_despite(label)}.")


def _guess(content: bytes) -> str:
    head = content[:_PDF_WITHIN].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return "a drawing (SVG), and neither a PDF nor a picture"
    for start, words in _OTHERS:
        if head.startswith(start):
            return f"{words}, and neither a PDF nor a picture"
    return "neither a PDF nor a picture that can be read"


def _despite(label: str) -> str:
    return f", although PEX calls it “{label[:20]}”" if label else ""
