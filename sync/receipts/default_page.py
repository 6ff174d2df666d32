"""The page that stands in for a missing receipt, drawn from a few details."""

from __future__ import annotations

import io
import threading
import unicodedata
from collections.abc import Container, Sequence

from reportlab.lib.pagesizes import letter
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from connector.api.cmic.types import Document
from sync.receipts import PDF, file_name

NO_ATTACHMENT_TITLE = "No Attachment"
_FONT = "Vera"
# reportlab keeps its fonts in tables of the process, which threads would spoil.
_drawing = threading.Lock()


def no_attachment(*, stem: str, details: Sequence[tuple[str, str]]) -> Document:
    """The page that stands in for a missing receipt; same details, same bytes."""
    with _drawing:
        content = _draw_no_attachment(details)
    return Document(content, PDF, file_name(stem, PDF))


def _draw_no_attachment(details: Sequence[tuple[str, str]]) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=letter, invariant=True)
    canvas.setTitle(NO_ATTACHMENT_TITLE)
    canvas.setAuthor("PEX Connector for CMiC")
    height = letter[1]
    canvas.setFont("Helvetica-Bold", 28)
    canvas.drawString(72, height - 110, NO_ATTACHMENT_TITLE)
    canvas.setFont("Helvetica", 11)
    canvas.drawString(72, height - 135, "PEX had no usable receipt for this purchase.")
    for line, (label, value) in enumerate(details):
        top = height - 180 - line * 22
        canvas.setFont("Helvetica-Bold", 11)
        canvas.drawString(72, top, label)
        font, text = _typeset(_one_line(value)[:60])
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


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
