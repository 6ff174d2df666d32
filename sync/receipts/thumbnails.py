"""A document's pages as small pictures, for people to look at."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pypdfium2
from PIL import Image

from connector.api.cmic.types import Document
from sync.receipts import PDF

MOST_PAGES = 24
_SIZE = (560, 760)


def thumbnails(document: Document) -> Iterator[bytes]:
    """JPEGs of the first pages, in order. Raises the libraries' own errors."""
    if document.content_type != PDF:
        with Image.open(io.BytesIO(document.content)) as picture:
            picture.draft("RGB", _SIZE)
            yield _small(picture)
        return
    pdf = pypdfium2.PdfDocument(document.content)
    try:
        for number in range(min(len(pdf), MOST_PAGES)):
            page = pdf[number]
            width, height = page.get_size()
            scale = min(_SIZE[0] / max(width, 1), _SIZE[1] / max(height, 1))
            yield _small(page.render(scale=scale).to_pil())
            page.close()
    finally:
        pdf.close()


def _small(picture: Image.Image) -> bytes:
    small = picture.convert("RGB")
    small.thumbnail(_SIZE)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
