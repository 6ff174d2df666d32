"""PDFs: whether one opens, what of it would act by itself, pages made one document.

Pages travel as they are. Scripts, attached files and the like are taken out; what
remains of a file that has none is the very same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import img2pdf
import pikepdf
import pypdfium2
from pikepdf import Array, Dictionary, Name, Stream

from sync.receipts import UnusableReceiptError
from sync.receipts.pictures import Picture, redrawn

MOST_PAGES = 500
_MOST_OBJECTS = 200_000
_MOST_IMAGE_POINTS = 250_000_000
# The end must be in sight, or the file was cut off.
_TAIL = 16 * 1024
_HARMLESS_ACTIONS = ("/GoTo", "/URI", "/Named")
_ACTING = ("/A", "/PA", "/OpenAction", "/Next")
_DROPPED = ("/AA", "/JS", "/EF", "/AF", "/XFA", "/Collection", "/RichMediaContent")
_ACTIVE_NOTES = (
    *("/FileAttachment", "/RichMedia", "/Screen", "/Movie", "/Sound", "/3D"),
)
_PAGE = (612.0, 792.0)  # letter, in points
_LARGEST_POINT = 0.72  # 100 a inch: a small picture is not blown up to a page
_SMALLEST_SIDE = 3.0


@dataclass(frozen=True, slots=True)
class Pdf:
    """A PDF that opens; `warning` tells what was taken out of it."""

    content: bytes
    page_count: int
    warning: str = ""


def read_pdf(content: bytes) -> Pdf:
    """Raises `UnusableReceiptError` for a file that is not to be sent."""
    if b"%%EOF" not in content[-_TAIL:]:
        raise UnusableReceiptError("it is a PDF whose end is missing.")
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            page_count = len(pdf.pages)
            if page_count == 0:
                raise UnusableReceiptError("it is a PDF without pages.")
            if page_count > MOST_PAGES:
                raise UnusableReceiptError(f"it is a PDF of {page_count:,} pages.")
            if _disarm(pdf):
                content = _written(pdf)
                warning = "scripts, attached files or other active parts were removed."
            else:
                warning = ""
        _render_check(content, page_count)
    except UnusableReceiptError:
        raise
    except pikepdf.PasswordError as error:
        raise UnusableReceiptError("it is a PDF that needs a password.") from error
    except MemoryError as error:
        raise UnusableReceiptError(
            "it is a PDF that needs more memory than a receipt may."
        ) from error
    except Exception as error:
        # The libraries raise whatever a damaged file leads them to.
        raise UnusableReceiptError("it is a damaged PDF.") from error
    return Pdf(content, page_count, warning)


def picture_page(picture: Picture) -> bytes:
    """A PDF of one page with the picture's own data, turned by the page."""
    try:
        return _page_of(picture)
    except Exception:
        # img2pdf takes files apart by itself and raises whatever the damage leads it
        # to. The picture opens, or it would not be here: so it is saved anew.
        return _page_of(redrawn(picture))


def _page_of(picture: Picture) -> bytes:
    rotation = {0: "0", 90: "90", 180: "180", 270: "270"}[picture.turn]
    page: bytes = img2pdf.convert(
        picture.content,
        layout_fun=_layout,
        nodate=True,
        rotation=img2pdf.Rotation[rotation],
    )
    return page


def joined(parts: Sequence[bytes], *, title: str) -> bytes:
    """One PDF of all pages; the same parts make the same bytes."""
    opened = [pikepdf.open(io.BytesIO(part)) for part in parts]
    try:
        with pikepdf.new() as pdf:
            for part in opened:
                pdf.pages.extend(part.pages)
            pdf.docinfo[Name.Title] = title
            return _written(pdf)
    finally:
        for part in opened:
            part.close()


def _written(pdf: pikepdf.Pdf) -> bytes:
    buffer = io.BytesIO()
    pdf.save(buffer, deterministic_id=True)
    return buffer.getvalue()


def _layout(width: int, height: int, _dpi: Any) -> tuple[float, float, float, float]:
    """On a page of its own shape, no larger than a letter."""
    long_side, short_side = max(width, height), min(width, height)
    point = min(_PAGE[1] / long_side, _PAGE[0] / short_side, _LARGEST_POINT)
    sides = max(width * point, _SMALLEST_SIDE), max(height * point, _SMALLEST_SIDE)
    return *sides, *sides


def _render_check(content: bytes, page_count: int) -> None:
    """What a viewer cannot open is no receipt, even if it can be taken apart."""
    document = pypdfium2.PdfDocument(content)
    try:
        if len(document) != page_count:
            raise UnusableReceiptError("it is a damaged PDF.")
        for number in range(page_count):
            document[number].close()
    finally:
        document.close()


def _disarm(pdf: pikepdf.Pdf) -> bool:
    """Take out what acts by itself; whether there was any."""
    found = False
    names = pdf.Root.get("/Names")
    if isinstance(names, Dictionary):
        for key in ("/JavaScript", "/EmbeddedFiles"):
            if key in names:
                del names[key]
                found = True
    seen = 0
    for each in pdf.objects:
        waiting: list[Any] = [each]
        while waiting:
            value = waiting.pop()
            seen += 1
            if seen > _MOST_OBJECTS:
                raise UnusableReceiptError("it is a PDF with too many parts.")
            if isinstance(value, Stream):
                _check_image(value)
                value = value.stream_dict
            if isinstance(value, Dictionary):
                found |= _disarm_one(value)
            if isinstance(value, Dictionary | Array):
                inner = value.values() if isinstance(value, Dictionary) else value
                waiting += [
                    one
                    for one in inner
                    if isinstance(one, Dictionary | Array) and not one.is_indirect
                ]
    return found


def _disarm_one(value: Dictionary) -> bool:
    unwanted = [key for key in _DROPPED if key in value]
    unwanted += [key for key in _ACTING if key in value and _acts(value[key])]
    for key in unwanted:
        del value[key]
    notes = value.get("/Annots")
    if isinstance(notes, Array):
        kept = [note for note in notes if not _is_active_note(note)]
        if len(kept) < len(notes):
            value["/Annots"] = Array(kept)
            return True
    return bool(unwanted)


def _acts(value: Any) -> bool:
    if isinstance(value, Array):
        return any(_acts(one) for one in value if isinstance(one, Dictionary))
    if not isinstance(value, Dictionary) or "/S" not in value:
        return False
    return str(value["/S"]) not in _HARMLESS_ACTIONS


def _is_active_note(note: Any) -> bool:
    return isinstance(note, Dictionary) and str(note.get("/Subtype")) in _ACTIVE_NOTES


def _check_image(stream: Stream) -> None:
    if stream.get("/Subtype") != Name.Image:
        return
    points = int(stream.get("/Width", 0)) * int(stream.get("/Height", 0))
    if points > _MOST_IMAGE_POINTS:
        raise UnusableReceiptError("it is a PDF with a picture that is too large.")
