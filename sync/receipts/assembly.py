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
from sync.receipts.pdfs import joined, picture_page, read_pdf
from sync.receipts.pictures import (
    Picture,
    read_pictures,
    shrunk,
    upright,
    without_alpha,
)

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
    pictures: tuple[Picture, ...] = field(default=())

    @property
    def origins(self) -> list[Origin]:
        count = self.page_count or len(self.pictures)
        return [Origin(self.name, number) for number in range(1, count + 1)]


def assemble(files: Sequence[ReceiptFile], *, stem: str, limit: int) -> Receipts:
    """One document of at most `limit` bytes, named after `stem`.

    No name that a cardholder gave reaches it. Raises nothing for bad files.
    """
    parts: list[_Part] = []
    warnings: list[str] = []
    total = 0
    for number, file in enumerate(sorted(files, key=lambda each: each.created_at)):
        total += len(file.content)
        try:
            _check_bounds(file, number, total)
            part, warning = _read(file)
        except UnusableReceiptError as error:
            warnings.append(left_out(file.name, str(error)))
        else:
            parts.append(part)
            if warning:
                warnings.append(f"Receipt {file.name}: {warning}")
    if not parts:
        return Receipts(None, tuple(warnings))
    document: Document | None = _built(parts, stem)
    if document is not None and len(document.content) > limit:
        document = _shrunk_to_fit(parts, stem, limit)
        if document is None:
            return Receipts(None, tuple(warnings), excess=_excess(parts, limit))
        warnings.append(_SHRUNK)
    pages = tuple(origin for part in parts for origin in part.origins)
    return Receipts(document, tuple(warnings), pages)


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
        return _Part(file.name, size, pdf.content, pdf.page_count), pdf.warning
    pictures, warning = read_pictures(file.content, kind)
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
