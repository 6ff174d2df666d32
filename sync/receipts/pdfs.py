"""PDFs: whether one opens, what of it would act by itself, a picture as a page.

Pages travel as they are. Scripts, attached files and the like are taken out; what
remains of a file that has none is the very same bytes. A damaged one is mended, and one
that cannot be mended and that Chrome still shows is sent as pictures of its pages.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import img2pdf
import pikepdf
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image

from sync.receipts import UnusableReceiptError
from sync.receipts.joining import written
from sync.receipts.pictures import Picture, redrawn
from sync.receipts.rendering import drawn, opened_with_forms
from sync.receipts.tones import shows_nothing

MOST_PAGES = 500
_MOST_OBJECTS = 200_000
_MOST_IMAGE_POINTS = 250_000_000
# Behind it nothing follows in a file that is whole.
_TAIL = 16 * 1024
# What qpdf says where it had to look for the parts of the file one by one.
_REBUILT = re.compile("reconstruct|recover|startxref|xref not found|EOF", re.IGNORECASE)
_HARMLESS_ACTIONS = ("/GoTo", "/URI", "/Named")
_ACTING = ("/A", "/PA", "/OpenAction", "/Next")
_DROPPED = ("/AA", "/JS", "/EF", "/AF", "/XFA", "/Collection", "/RichMediaContent")
_ACTIVE_NOTES = (
    *("/FileAttachment", "/RichMedia", "/Screen", "/Movie", "/Sound", "/3D"),
)
_PAGE = (612.0, 792.0)  # letter, in points
_LARGEST_POINT = 0.72  # 100 a inch: a small picture is not blown up to a page
_SMALLEST_SIDE = 3.0
# Pages that are sent as pictures: 150 points an inch of a letter.
_MOST_DRAWN, _DRAWN, _FAR = 30, (1275, 1650), (160, 160)
_ACTED = "scripts, attached files or other active parts were removed."
_MENDED = (
    "it is damaged and was mended. Compare it with PEX, because pages may be missing."
)
_WORN = "it is slightly damaged, though it opens."
_ONLY_ADOBE = (
    "it is a form that only Adobe's programs show (XFA). Other viewers show what its "
    "maker put in its place; print it to a PDF and add that instead."
)
_AS_PICTURES = "it is damaged, and pictures of its pages travel instead."
_LOCKED = "it is a PDF that is locked: it needs a password. Add it without one."


@dataclass(frozen=True, slots=True)
class Pdf:
    """A PDF that opens; `warning` tells what was done to it."""

    content: bytes
    page_count: int
    warning: str = ""


def read_pdf(content: bytes) -> Pdf:
    """Raises `UnusableReceiptError` for a file that is not to be sent."""
    try:
        return _read(content)
    except UnusableReceiptError:
        raise
    except pikepdf.PasswordError as error:
        raise UnusableReceiptError(_LOCKED) from error
    except MemoryError as error:
        raise UnusableReceiptError(
            "it is a PDF that needs more memory than a receipt may."
        ) from error
    except Exception as error:
        # The libraries raise whatever a damaged file leads them to. Chrome's reader has
        # the last word.
        return _pictured(content, error)


def _read(content: bytes) -> Pdf:
    said: list[str] = []
    with pikepdf.open(io.BytesIO(content)) as pdf:
        page_count = len(pdf.pages)
        if page_count > MOST_PAGES:
            raise UnusableReceiptError(f"it is a PDF of {page_count:,} pages.")
        if _needs_adobe(pdf):
            said.append(_ONLY_ADOBE)
        has_acted = _disarm(pdf)
        if has_acted:
            said.append(_ACTED)
        complaints = pdf.get_warnings()
        is_torn = b"%%EOF" not in content[-_TAIL:] or any(
            _REBUILT.search(str(each)) for each in complaints
        )
        if page_count == 0 and not is_torn:
            raise UnusableReceiptError("it is a PDF without pages.")
        if complaints or is_torn:
            said.append(_MENDED if is_torn else _WORN)
        if has_acted or is_torn:
            content = written(pdf)
    _render_check(content, page_count, is_torn=is_torn)
    return Pdf(content, page_count, " ".join(_sentences(said)))


def _sentences(said: Sequence[str]) -> list[str]:
    """The first goes on after a colon, the others begin anew."""
    return [*said[:1], *(each[:1].upper() + each[1:] for each in said[1:])]


def _needs_adobe(pdf: pikepdf.Pdf) -> bool:
    form = pdf.Root.get("/AcroForm")
    return (
        isinstance(form, Dictionary)
        and "/XFA" in form
        and bool(pdf.Root.get("/NeedsRendering", False))
    )


def _pictured(content: bytes, failure: Exception) -> Pdf:
    """Its pages as Chrome shows them, each a picture."""
    try:
        document = opened_with_forms(content)
        try:
            count = len(document)
            if not 0 < count <= _MOST_DRAWN:
                raise ValueError("no page, or too many")
            if all(shows_nothing(drawn(document, each, _FAR)) for each in range(count)):
                raise ValueError("nothing to be seen")
            pages = [_jpeg(drawn(document, each, _DRAWN)) for each in range(count)]
        finally:
            document.close()
        made = img2pdf.convert(pages, layout_fun=_layout, nodate=True)
    except Exception as error:
        if b"/Encrypt" in content:
            raise UnusableReceiptError(_LOCKED) from error
        is_cut = b"%%EOF" not in content[-_TAIL:]
        why = "a damaged PDF whose end is missing" if is_cut else "a damaged PDF"
        raise UnusableReceiptError(f"it is {why}.") from failure
    return Pdf(bytes(made), count, _AS_PICTURES)


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


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


def _layout(width: int, height: int, _dpi: Any) -> tuple[float, float, float, float]:
    """On a page of its own shape, no larger than a letter."""
    long_side, short_side = max(width, height), min(width, height)
    point = min(_PAGE[1] / long_side, _PAGE[0] / short_side, _LARGEST_POINT)
    sides = max(width * point, _SMALLEST_SIDE), max(height * point, _SMALLEST_SIDE)
    return *sides, *sides


def _render_check(content: bytes, page_count: int, *, is_torn: bool) -> None:
    """What a viewer cannot open is no receipt, even if it can be taken apart; nor is a
    mended one of which nothing is left to be seen."""
    document = opened_with_forms(content)
    try:
        if not page_count or len(document) != page_count:
            raise ValueError("pages that one reader finds and another does not")
        for number in range(page_count):
            document[number].close()
        shown = range(min(page_count, _MOST_DRAWN) if is_torn else 0)
        if shown and all(shows_nothing(drawn(document, each, _FAR)) for each in shown):
            raise ValueError("nothing to be seen")
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
