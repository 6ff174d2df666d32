"""What a file is, by its first bytes (P8): no label and no file name is believed.

What is neither a PDF nor a picture is called by the name that people have for it.
"""

from __future__ import annotations

import re

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
    (b"II+\x00", TIFF),
    (b"MM\x00+", TIFF),
    (b"BM", BMP),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_BOX_NAMES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
# A PDF may begin a little late.
_PDF_WITHIN = 1024
_LOOKED_AT = 64 * 1024

_MAIL = "a mail"
_OFFICE_LOCKED = "an Office document that is locked"
_VIDEO, _SOUND = "a video", "a sound recording"
_OTHERS = (
    (b"%!ps", "a print file (PostScript)"),
    (b"8bps", "a Photoshop document"),
    (
        b"\x00\x00\x00\x0cjp  ",
        "a JPEG 2000 picture, which browsers do not show",
    ),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture, which browsers do not show"),
    (
        b"\x00\x00\x00\x0cjxl ",
        "a JPEG XL picture, which browsers do not show",
    ),
    (b"\xff\x0a", "a JPEG XL picture, which browsers do not show"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"at&tform", "a DjVu scan, which browsers do not show"),
    (b"\x1aE\xdf\xa3".lower(), _VIDEO),
    (b"flv", _VIDEO),
    (b"\x00\x00\x01\xba", _VIDEO),
    (b"id3", _SOUND),
    (b"\xff\xfb", _SOUND),
    (b"oggs", _SOUND),
    (b"flac", _SOUND),
    (b"#!amr", _SOUND),
    (b"rar!", "a packed file (RAR)"),
    (b"7z\xbc\xaf", "a packed file (7z)"),
    (b"\x1f\x8b", "a packed file (gzip)"),
    (b"bzh", "a packed file (bzip2)"),
    (b"\xfd7zxz", "a packed file (xz)"),
    (b"mz", "a program"),
    (b"\x7felf", "a program"),
    (b"{\\rtf", "a text document (RTF)"),
    (b"begin:vcard", "an address card (vCard)"),
    (b"begin:vcalendar", "a calendar entry"),
    (b"[internetshortcut]", "a link, and not the document that it leads to"),
    (b"\x78\x9f\x3e\x22", f"{_MAIL}'s attachment in Outlook's own form (winmail.dat)"),
)
# Of the old Office documents and of Outlook, by the names of their parts.
_COMPOUND = (
    ("__substg1.0_", f"{_MAIL} (Outlook)"),
    ("__nameid_version1.0", f"{_MAIL} (Outlook)"),
    ("EncryptedPackage", _OFFICE_LOCKED),
    ("WordDocument", "an Office document (Word)"),
    ("Workbook", "an Office document (Excel)"),
    ("PowerPoint Document", "an Office document (PowerPoint)"),
    ("VisioDocument", "an Office document (Visio)"),
)
_PACKED = (
    (b"word/", "an Office document (Word)"),
    (b"xl/", "an Office document (Excel)"),
    (b"ppt/", "an Office document (PowerPoint)"),
    (b"vnd.oasis.opendocument.text", "an Office document (OpenDocument text)"),
    (b"vnd.oasis.opendocument.spreadsheet", "an Office document (OpenDocument table)"),
    (b"vnd.oasis.opendocument", "an Office document (OpenDocument)"),
    (b"Index/Slide", "an Apple document (Keynote)"),
    (b"Index/CalculationEngine", "an Apple document (Pages or Numbers)"),
    (b"Index/Document.iwa", "an Apple document (Pages or Numbers)"),
    (b"index.apxl", "an Apple document (Keynote)"),
    (b"FixedDocumentSequence", "a print file (XPS)"),
    (b"pass.json", "a card of a phone's wallet"),
    (b"application/epub", "a book (EPUB)"),
)
_MAIL_HEADS = re.compile(
    rb"^(received|return-path|delivered-to|message-id|mime-version|from|to|subject|date"
    rb"|x-[a-z-]+|dkim-signature|reply-to|thread-[a-z]+|content-type): ?\S",
    re.IGNORECASE | re.MULTILINE,
)
_MBOX = re.compile(rb"From \S+@?\S* .*\d{4}")
_LEAST_HEADS = 3
_PAGE = re.compile(rb"<(!doctype html|html|head|body|table|div|meta|title)\b", re.I)
_ADVICE = {
    _MAIL: "Add the receipt itself, not the mail that it came with.",
    "an Office": "Print it to a PDF and add that.",
    "an Apple": "Print it to a PDF and add that.",
    "a web page": "Print it to a PDF and add that.",
    "a text": "Print it to a PDF and add that.",
    "plain text": "Print it to a PDF and add that.",
    "a packed": "Unpack it and add what is in it.",
    "a video": "Add a photograph.",
    "a link": "Open it and add what it leads to.",
}


def kind_of(content: bytes, label: str = "") -> str:
    """The kind, or `UnusableReceiptError` with what the file seems to be instead."""
    if not content:
        raise UnusableReceiptError("it is empty.")
    for start, kind in _STARTS:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return WEBP
    brand = content[8:12] if content[4:8] == b"ftyp" else b""
    if brand in (*_AVIF_BRANDS, *_HEIF_BRANDS) and not _is_film(content):
        is_avif = brand in _AVIF_BRANDS or b"avif" in content[12:64]
        return AVIF if is_avif else HEIF
    if b"%PDF-" in content[:_PDF_WITHIN]:
        return PDF
    words = _guess(content)
    advice = next((say for of, say in _ADVICE.items() if words.startswith(of)), "")
    raise UnusableReceiptError(
        f"it is {words}, and neither a PDF nor a picture{_despite(label)}."
        f"{' ' if advice else ''}{advice}"
        if words
        else f"it is neither a PDF nor a picture that can be read{_despite(label)}."
    )


def _is_film(content: bytes) -> bool:
    """Whether its boxes are those of a film, without a picture beside it."""
    head = content[:_LOOKED_AT]
    return b"moov" in head and b"meta" not in head


def _guess(content: bytes) -> str:
    """What people call it, or nothing."""
    head = content[:_PDF_WITHIN].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        return _compound(content)
    if content.startswith(b"PK\x03\x04"):
        return _packed(content)
    if content[4:8] in _BOX_NAMES:
        return f"{_VIDEO} (HEIC)" if content[8:12] in _HEIF_BRANDS else _VIDEO
    if content[:4] == b"RIFF":
        return _SOUND if content[8:12] == b"WAVE" else _VIDEO
    if content[257:262] == b"ustar":
        return "a packed file (tar)"
    for start, words in _OTHERS:
        if head.startswith(start):
            return words
    return _text(content, head)


def _text(content: bytes, head: bytes) -> str:
    if b"<svg" in head:
        return "a drawing (SVG)"
    start = content[:_LOOKED_AT].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"From: <Saved by"):
        return "a web page (MHTML)"
    front = re.split(rb"\r?\n\r?\n", start, maxsplit=1)[0]
    if _MBOX.match(start) or len(_MAIL_HEADS.findall(front)) >= _LEAST_HEADS:
        return _MAIL
    if _PAGE.search(head):
        return "a web page (HTML)"
    if head.startswith(b"<?xml"):
        return "an XML file"
    return "plain text" if _is_written(start) else ""


def _is_written(start: bytes) -> bool:
    """Whether it reads as text; the last letter may be cut in two."""
    code = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    letters = start.decode(code, errors="replace")[:-3] or start.decode("latin-1")
    strange = sum(not (each.isprintable() or each in "\r\n\t\f") for each in letters)
    return strange + letters.count("\ufffd") <= len(letters) // 50


def _compound(content: bytes) -> str:
    for name, words in _COMPOUND:
        if name.encode("utf-16-le") in content:
            return words
    return "an Office document"


def _packed(content: bytes) -> str:
    ends = content[:_LOOKED_AT] + content[-_LOOKED_AT:]
    for name, words in _PACKED:
        if name in ends:
            return words
    if b"PK\x01\x02" not in ends:
        return "a ZIP or Office file"
    is_locked = bool(content[6] & 1)
    return "a packed file (ZIP) that is locked" if is_locked else "a packed file (ZIP)"


def _despite(label: str) -> str:
    return f", although PEX calls it “{label[:20]}”" if label else ""
