"""All usable files of a purchase as one document under the limit.

One file that is fine travels untouched, several become one PDF in order of creation.
A file that cannot be used is named and stops no other. Over the limit, pictures are
sampled again in steps; PDFs stay whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from connector.api.cmic.types import Document
from sync.receipts import (
    JPEG,
    MOST_BYTES,
    MOST_FILE_BYTES,
    MOST_FILES,
    PDF,
    PNG,
    Origin,
    ReceiptFile,
    Receipts,
    UnusableReceiptError,
    file_name,
    kinds,
    left_out,
)
from sync.receipts.joining import joined
from sync.receipts.pdfs import picture_page, read_pdf
from sync.receipts.pictures import (
    Picture,
    read_pictures,
    shrunk,
    upright,
    without_alpha,
)
from sync.receipts.remarks import heard, told
from sync.receipts.rendering import looks
from sync.receipts.tones import Look, difference

# Points of the longer side, and JPEG quality: from what nobody sees to the least at
# which the small print of a receipt can still be read (docs/decisions/010).
STEPS = (
    (5600, 85),
    (4000, 80),
    (3200, 75),
    (2600, 75),
    (2200, 70),
    (1900, 65),
    (1600, 60),
)
_TYPES = {kinds.JPEG: JPEG, kinds.PNG: PNG}


@dataclass(frozen=True, slots=True)
class _Part:
    """A usable file: a PDF, or pictures."""

    name: str
    size: int
    pdf: bytes = b""
    page_count: int = 0
    source: bytes = b""
    pictures: tuple[Picture, ...] = field(default=())

    @property
    def origins(self) -> list[Origin]:
        count = self.page_count or len(self.pictures)
        return [Origin(self.name, number) for number in range(1, count + 1)]


def assemble(
    files: Sequence[ReceiptFile], *, stem: str, limit: int, compares: bool = True
) -> Receipts:
    """One document of at most `limit` bytes, named after `stem`.

    What was made is compared with the files, unless that costs too much.
    No name that a cardholder gave reaches it. Raises nothing for bad files.
    """
    parts, warnings = _read_all(files)
    with heard() as said:
        parts, document, broken = _built_of_all(parts, stem)
        warnings += broken
        if document is None:
            return Receipts(None, tuple(warnings))
        if len(document.content) > limit:
            fitting = _shrunk_to_fit(parts, stem, limit)
            if fitting is None:
                return Receipts(None, tuple(warnings), excess=_excess(parts, limit))
            document = fitting
            warnings.append(_SHRUNK)
        if not any(document.content is file.content for file in files):
            warnings += _compared(parts, document) if compares else [_NOT_DRAWN]
    if remark := told(said):
        warnings.append(f"The document: {remark}")
    pages = tuple(origin for part in parts for origin in part.origins)
    return Receipts(document, tuple(warnings), pages)


def _read_all(files: Sequence[ReceiptFile]) -> tuple[list[_Part], list[str]]:
    """What is usable, in order of creation, and what is to be said."""
    parts: list[_Part] = []
    warnings: list[str] = []
    total = 0
    for number, file in enumerate(sorted(files, key=lambda each: each.created_at)):
        total += len(file.content)
        try:
            _check_bounds(file, number, total)
            with heard() as said:
                part, warning = _read(file)
        except UnusableReceiptError as error:
            warnings.append(left_out(file.name, str(error)))
        else:
            parts.append(part)
            if warning := warning or told(said):
                warnings.append(f"Receipt {file.name}: {warning}")
    return parts, warnings


def _built_of_all(
    parts: list[_Part], stem: str
) -> tuple[list[_Part], Document | None, list[str]]:
    """The document and what is in it; who breaks it is named and left out."""
    try:
        return parts, _built(parts, stem) if parts else None, []
    except MemoryError:
        raise
    except Exception:
        # Whatever a file leads the library to that takes it apart once more.
        sound = [part for part in parts if _is_sound(part, stem)]
        if len(sound) == len(parts):
            raise
    broken = [left_out(part.name, _BROKEN) for part in parts if part not in sound]
    return sound, _built(sound, stem) if sound else None, broken


def _is_sound(part: _Part, stem: str) -> bool:
    try:
        _built([part], stem)
        _paged([part], stem)
    except MemoryError:
        raise
    except Exception:
        return False
    return True


def _compared(parts: Sequence[_Part], document: Document) -> list[str]:
    """A sentence for each receipt that looks different in the document."""
    said: list[str] = []
    try:
        shown = looks(document, _MOST_COMPARED)
    except MemoryError:
        raise
    except Exception:
        # A page that a reader opens and cannot draw costs no receipt.
        return [_NOT_DRAWN]
    for part in parts:
        pages, shown = shown[: len(part.origins)], shown[len(part.origins) :]
        for number, (before, after) in enumerate(
            zip(_looks_before(part), pages, strict=False), start=1
        ):
            if before is not None and (unlike := difference(before, after)):
                said.append(f"Receipt {part.name}: page {number} {unlike}. {_COMPARE}")
                break
    return said


def _looks_before(part: _Part) -> Sequence[Look | None]:
    if not part.pdf:
        return [picture.look for picture in part.pictures]
    source = Document(part.source, PDF, "source.pdf")
    try:
        return looks(source, min(part.page_count, _MOST_COMPARED))
    except Exception:
        # Damaged: it was mended to be shown at all, and that is said.
        return []


_MOST_COMPARED = 24
_NOT_DRAWN = "The document's pages could not be compared with the receipts."
_COMPARE = "Compare the two before you rely on it."
_BLANK = "it came out in one colour, though it has several. Compare it with PEX."
_BROKEN = "it opens, but cannot be made part of a document."
_SHRUNK = "Pictures were made smaller, because together they were over the size limit."


def _check_bounds(file: ReceiptFile, number: int, total: int) -> None:
    if number >= MOST_FILES:
        raise UnusableReceiptError(f"a purchase has at most {MOST_FILES} receipts.")
    if len(file.content) > MOST_FILE_BYTES:
        raise UnusableReceiptError(f"it has {len(file.content):,} bytes.")
    if total > MOST_BYTES:
        raise UnusableReceiptError("the receipts before it are too large together.")


def _read(file: ReceiptFile) -> tuple[_Part, str]:
    kind = kinds.kind_of(file.content, file.label)
    size = len(file.content)
    if kind == kinds.PDF:
        pdf = read_pdf(file.content)
        part = _Part(file.name, size, pdf.content, pdf.page_count, file.content)
        return part, pdf.warning
    pictures, warning = read_pictures(file.content, kind)
    if all(picture.is_lost for picture in pictures):
        warning = warning or _BLANK
    return _Part(file.name, size, pictures=tuple(pictures)), warning


def _shrunk_to_fit(parts: Sequence[_Part], stem: str, limit: int) -> Document | None:
    """The best document within the limit, or None if there is none."""
    fixed = sum(len(part.pdf) for part in parts)
    count = sum(len(part.pictures) for part in parts)
    if not count or fixed >= limit:
        return None
    # Small pictures stay as they are while the large ones can give way.
    share = (limit - fixed) // count
    for longest, quality in STEPS:
        document = _built(_smaller(parts, longest, quality, share), stem)
        if len(document.content) <= limit:
            return document
    document = _built(_smaller(parts, *STEPS[-1], 0), stem)
    return document if len(document.content) <= limit else None


def _smaller(
    parts: Sequence[_Part], longest: int, quality: int, share: int
) -> list[_Part]:
    return [
        replace(
            part,
            pictures=tuple(
                shrunk(picture, longest=longest, quality=quality)
                if len(picture.content) > share
                else picture
                for picture in part.pictures
            ),
        )
        for part in parts
    ]


def _built(parts: Sequence[_Part], stem: str) -> Document:
    pictures = [picture for part in parts for picture in part.pictures]
    if len(parts) == 1 and len(pictures) <= 1:
        if not pictures:
            return Document(parts[0].pdf, PDF, file_name(stem, PDF))
        picture = upright(pictures[0])
        content_type = _TYPES[picture.kind]
        return Document(picture.content, content_type, file_name(stem, content_type))
    return _paged(parts, stem)


def _paged(parts: Sequence[_Part], stem: str) -> Document:
    pages = []
    for part in parts:
        if part.pdf:
            pages.append(part.pdf)
        pages += [picture_page(without_alpha(each)) for each in part.pictures]
    return Document(joined(pages, title=stem), PDF, file_name(stem, PDF))


def _excess(parts: Sequence[_Part], limit: int) -> str:
    sizes = ", ".join(f"receipt {part.name} {part.size:,}" for part in parts)
    return (
        f"The receipts are too large even after pictures were made smaller ({sizes} "
        f"bytes), and at most {limit:,} can be sent. Replace them by smaller ones."
    )
