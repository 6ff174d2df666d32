"""All receipts of a purchase as one document (F19). Pure: bytes in, bytes out.

One usable file travels untouched, several become one PDF in their order, none becomes
the “No Attachment” page. A file that cannot be used is named and stops no other.
"""

from __future__ import annotations

import hashlib
import io
import threading
import unicodedata
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

import img2pdf
from PIL import Image, UnidentifiedImageError
from pypdf import PdfReader, PdfWriter
from pypdf.errors import PyPdfError
from reportlab.lib.pagesizes import letter
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from connector.cmic.types import Document

PDF, PNG, JPEG = "application/pdf", "image/png", "image/jpeg"
NO_ATTACHMENT_TITLE = "No Attachment"
_EXTENSIONS = {PDF: "pdf", PNG: "png", JPEG: "jpg"}
_MAX_PIXELS = 100_000_000
_FONT = "Vera"
# reportlab keeps its fonts in tables of the process, which threads would spoil.
_drawing = threading.Lock()


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """One downloaded file and the name that people know it by."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Receipts:
    """The document, or None if no file was usable; and what is wrong with the rest."""

    document: Document | None
    warnings: tuple[str, ...]


class UnusableReceiptError(ValueError):
    """The file is no PDF, PNG or JPEG that opens."""


def assemble(files: Sequence[ReceiptFile], *, file_stem: str) -> Receipts:
    """One document of all usable files, in the order given.

    `file_stem` becomes the file's name, so that no name of a cardholder's reaches
    CMiC. Sizes are not judged here.
    """
    usable: list[tuple[str, bytes]] = []
    warnings: list[str] = []
    for file in files:
        try:
            content_type = check(file.content)
        except UnusableReceiptError as error:
            warnings.append(f"Receipt {file.name} was left out: {error}")
        else:
            usable.append((content_type, file.content))
    if len(usable) > 1:
        combined = _combine(usable, warnings)
        usable = [(PDF, combined)] if combined else []
    if not usable:
        return Receipts(None, tuple(warnings))
    content_type, content = usable[0]
    name = f"{file_stem}.{_EXTENSIONS[content_type]}"
    return Receipts(Document(content, content_type, name), tuple(warnings))


def check(content: bytes) -> str:
    """The content type by the first bytes, if the file opens as what it is (P8).

    Raises `UnusableReceiptError` with a sentence otherwise.
    """
    if not content:
        raise UnusableReceiptError("it is empty.")
    if content.startswith(b"%PDF-"):
        _check_pdf(content)
        return PDF
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        _check_picture(content, "PNG")
        return PNG
    if content.startswith(b"\xff\xd8\xff"):
        _check_picture(content, "JPEG")
        return JPEG
    raise UnusableReceiptError("it is neither a PDF nor a PNG nor a JPEG.")


def no_attachment(*, file_stem: str, facts: Sequence[tuple[str, str]]) -> Document:
    """The page that stands in for a missing receipt; the same facts, the same bytes."""
    with _drawing:
        content = _draw_no_attachment(facts)
    return Document(content, PDF, f"{file_stem}.pdf")


def fingerprint(document: Document) -> str:
    return hashlib.sha256(document.content).hexdigest()


def _draw_no_attachment(facts: Sequence[tuple[str, str]]) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=letter, invariant=True)
    canvas.setTitle(NO_ATTACHMENT_TITLE)
    canvas.setAuthor("PEX Connector for CMiC")
    height = letter[1]
    canvas.setFont("Helvetica-Bold", 28)
    canvas.drawString(72, height - 110, NO_ATTACHMENT_TITLE)
    canvas.setFont("Helvetica", 11)
    canvas.drawString(72, height - 135, "PEX has no receipt for this purchase.")
    for line, (label, value) in enumerate(facts):
        top = height - 180 - line * 22
        canvas.setFont("Helvetica-Bold", 11)
        canvas.drawString(72, top, label)
        font, text = _typeset(value[:60])
        canvas.setFont(font, 11)
        canvas.drawString(200, top, text)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _typeset(text: str) -> tuple[str, str]:
    """A font and the text in it: a built-in font where it has the letters, because
    embedding one costs fifteen times the rest of the page."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        if _FONT not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(_FONT, "Vera.ttf"))
        known = pdfmetrics.getFont(_FONT).face.charToGlyph
        return _FONT, "".join(_letter(each, known) for each in text)
    return "Helvetica", text


def _letter(letter: str, known: Container[int]) -> str:
    """The letter, or the plain one that it is made of, or a question mark."""
    plain = unicodedata.normalize("NFKD", letter)[0]
    return next((each for each in (letter, plain) if ord(each) in known), "?")


def _check_pdf(content: bytes) -> None:
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted:
            raise UnusableReceiptError("it is a PDF that needs a password.")
        pages = len(reader.pages)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UnusableReceiptError):
            raise
        raise UnusableReceiptError("it is a damaged PDF.") from error
    except RecursionError as error:
        raise UnusableReceiptError("it is a PDF that never ends.") from error
    if pages == 0:
        raise UnusableReceiptError("it is a PDF without pages.")


def _check_picture(content: bytes, kind: str) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as picture:
            if picture.width * picture.height > _MAX_PIXELS:
                raise UnusableReceiptError(
                    f"it is a picture of {picture.width} × {picture.height} points."
                )
            picture.load()
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        SyntaxError,
        ValueError,
    ) as error:
        if isinstance(error, UnusableReceiptError):
            raise
        raise UnusableReceiptError(f"it is a damaged {kind}.") from error


def _combine(files: Sequence[tuple[str, bytes]], warnings: list[str]) -> bytes | None:
    """One PDF of all files that can be laid out; the others are named."""
    parts = []
    for content_type, content in files:
        try:
            page = content if content_type == PDF else _picture_page(content)
            parts.append(_written([page]))
        except Exception as error:
            # The libraries raise whatever a damaged file leads them to; one file's
            # damage must not cost the others.
            fault = type(error).__name__
            warnings.append(f"A receipt was left out: it cannot be laid out ({fault}).")
    return _written(parts) if parts else None


def _written(parts: Sequence[bytes]) -> bytes:
    writer = PdfWriter()
    for part in parts:
        writer.append(io.BytesIO(part), import_outline=False)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def _picture_page(content: bytes) -> bytes:
    """A page around the picture, whose data stays as it is; a see-through one is laid
    on white, because not every viewer shows a mask."""
    layout: Any = img2pdf.get_fixed_dpi_layout_fun((150, 150))
    with Image.open(io.BytesIO(content)) as picture:
        is_clear = picture.has_transparency_data
    try:
        page = img2pdf.convert(
            _flattened(content) if is_clear else content, layout_fun=layout, nodate=True
        )
    except (img2pdf.ImageOpenError, ValueError):
        page = img2pdf.convert(_flattened(content), layout_fun=layout, nodate=True)
    return bytes(page)


def _flattened(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as picture:
        rgba = picture.convert("RGBA")
    flat = Image.new("RGB", rgba.size, "white")
    flat.paste(rgba, mask=rgba.getchannel("A"))
    buffer = io.BytesIO()
    flat.save(buffer, "PNG")
    return buffer.getvalue()
