"""Pages drawn as a person sees them in a browser: with what stands in form fields."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pypdfium2
from PIL import Image

from connector.api.cmic.types import Document
from sync.receipts import PDF
from sync.receipts.colours import plain
from sync.receipts.tones import Look, look_of, sampled

MOST_PAGES = 24
_SIZE, _FAR = (560, 760), (160, 160)


def thumbnails(document: Document) -> Iterator[bytes]:
    """JPEGs of the first pages, in order, as a browser shows them.

    Raises the libraries' own errors.
    """
    if document.content_type != PDF:
        with Image.open(io.BytesIO(document.content)) as picture:
            picture.draft("RGB", _SIZE)
            yield _small(plain(picture))
        return
    pdf = opened_with_forms(document.content)
    try:
        for number in range(min(len(pdf), MOST_PAGES)):
            yield _small(drawn(pdf, number, _SIZE))
    finally:
        pdf.close()


def looks(document: Document, most: int) -> list[Look]:
    """How its first pages look from afar. Raises the libraries' own errors."""
    if document.content_type != PDF:
        with Image.open(io.BytesIO(document.content)) as picture:
            return [look_of(plain(sampled(picture)))]
    pdf = opened_with_forms(document.content)
    try:
        return [
            look_of(drawn(pdf, number, _FAR), _shape(pdf, number))
            for number in range(min(len(pdf), most))
        ]
    finally:
        pdf.close()


def _shape(pdf: pypdfium2.PdfDocument, number: int) -> float:
    width, height = pdf.get_page_size(number)
    return float(width / max(height, 1))


def opened_with_forms(content: bytes) -> pypdfium2.PdfDocument:
    """To be closed by the caller; raises pdfium's error for what it cannot open."""
    document = pypdfium2.PdfDocument(content)
    if document.get_formtype():
        document.init_forms()
    return document


def drawn(
    document: pypdfium2.PdfDocument, number: int, size: tuple[int, int]
) -> Image.Image:
    """A page, counted from 0, as large as the size allows."""
    page = document[number]
    try:
        width, height = page.get_size()
        if min(width, height) <= 0:
            # Without an area it shows nothing, and cannot be drawn.
            return Image.new("RGB", (1, 1), "white")
        scale = min(size[0] / max(width, 1), size[1] / max(height, 1))
        picture: Image.Image = page.render(scale=scale, may_draw_forms=True).to_pil()
        return picture
    finally:
        page.close()


def _small(picture: Image.Image) -> bytes:
    small = picture.convert("RGB")
    small.thumbnail(_SIZE)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
