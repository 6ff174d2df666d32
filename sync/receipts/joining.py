"""Pages of several PDFs made one document that shows what each showed alone.

What hangs at a PDF instead of at its pages comes along: form fields under names of
their own, layers that are off, the colours it was made for. Names of its pages do not,
because people here count pages (docs/decisions/010).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import pikepdf
from pikepdf import Array, Dictionary, Name

from sync.receipts.rendering import opened_with_forms


def joined(parts: Sequence[bytes], *, title: str) -> bytes:
    """One PDF of all pages; the same parts make the same bytes.

    Raises the libraries' own errors.
    """
    parts = _apart(parts)
    opened = [pikepdf.open(io.BytesIO(part)) for part in parts]
    try:
        with pikepdf.new() as pdf:
            first = 0
            for part in opened:
                _append(pdf, part)
                _keep_intents(pdf, part, first)
                first = len(pdf.pages)
            _keep_layers(pdf, opened)
            pdf.docinfo[Name.Title] = title
            return written(pdf, mode=pikepdf.ObjectStreamMode.generate)
    finally:
        for part in opened:
            part.close()


def _append(pdf: pikepdf.Pdf, part: pikepdf.Pdf) -> None:
    first = len(pdf.pages)
    try:
        pdf.add_pages_from(part)
    except Exception:
        # Damaged forms or places lead the library to whatever. The pages alone do not.
        del pdf.pages[first:]
        pdf.pages.extend(part.pages)


def written(
    pdf: pikepdf.Pdf,
    mode: pikepdf.ObjectStreamMode = pikepdf.ObjectStreamMode.preserve,
) -> bytes:
    """Its bytes, the same for the same content; small parts packed as `mode` says."""
    buffer = io.BytesIO()
    pdf.save(buffer, deterministic_id=True, object_stream_mode=mode)
    return buffer.getvalue()


def _apart(parts: Sequence[bytes]) -> list[bytes]:
    """Forms whose fields a viewer would draw by itself are drawn now, as Chrome does.

    One form may keep that to the viewer. Of two, each would be drawn by what is said of
    both together.
    """
    forms = [_has_form(part) for part in parts]
    if sum(forms) < 2:
        return list(parts)
    return [
        _drawn(part) if is_form else part
        for part, is_form in zip(parts, forms, strict=True)
    ]


def _has_form(part: bytes) -> bool:
    with pikepdf.open(io.BytesIO(part)) as pdf:
        return isinstance(pdf.Root.get("/AcroForm"), Dictionary)


def _drawn(part: bytes) -> bytes:
    with pikepdf.open(io.BytesIO(part)) as pdf:
        wants = bool(pdf.Root.AcroForm.get("/NeedAppearances", False))
        if not wants and all("/AP" in field for field in _fields(pdf)):
            return part
    document = opened_with_forms(part)
    try:
        for number in range(len(document)):
            # Opening a page gives its fields the appearance that they lack.
            document[number].close()
        buffer = io.BytesIO()
        document.save(buffer)
    finally:
        document.close()
    with pikepdf.open(buffer) as pdf:
        form = pdf.Root.get("/AcroForm")
        if isinstance(form, Dictionary) and "/NeedAppearances" in form:
            del form["/NeedAppearances"]
        return written(pdf)


def _fields(pdf: pikepdf.Pdf) -> Iterator[Dictionary]:
    for page in pdf.pages:
        notes = page.obj.get("/Annots")
        for note in notes if isinstance(notes, Array) else ():
            if isinstance(note, Dictionary) and note.get("/Subtype") == Name.Widget:
                yield note


def _keep_intents(pdf: pikepdf.Pdf, part: pikepdf.Pdf, first: int) -> None:
    """The colours that the part was made for, at each of its pages (PDF 2.0)."""
    intents = part.Root.get("/OutputIntents")
    if not isinstance(intents, Array) or not len(intents):
        return
    shared = intents if intents.is_indirect else part.make_indirect(intents)
    copy = pdf.copy_foreign(shared)
    for number in range(first, len(pdf.pages)):
        page = pdf.pages[number].obj
        if "/OutputIntents" not in page:
            page["/OutputIntents"] = copy


def _keep_layers(pdf: pikepdf.Pdf, parts: Sequence[pikepdf.Pdf]) -> None:
    groups: list[pikepdf.Object] = []
    hidden: list[pikepdf.Object] = []
    for part in parts:
        for group, is_hidden in _layers(part):
            copy = pdf.copy_foreign(group)
            groups.append(copy)
            if is_hidden:
                hidden.append(copy)
    if groups:
        shown = Dictionary(Order=Array(groups), OFF=Array(hidden))
        pdf.Root["/OCProperties"] = Dictionary(OCGs=Array(groups), D=shown)


def _layers(part: pikepdf.Pdf) -> list[tuple[Dictionary, bool]]:
    """Each layer, and whether the document hides it when it is opened."""
    known = part.Root.get("/OCProperties")
    if not isinstance(known, Dictionary):
        return []
    groups = _dictionaries(known, "/OCGs")
    chosen = known.get("/D")
    chosen = chosen if isinstance(chosen, Dictionary) else Dictionary()
    hidden = {group.objgen for group in _dictionaries(chosen, "/OFF")}
    if chosen.get("/BaseState") == Name.OFF:
        on = {group.objgen for group in _dictionaries(chosen, "/ON")}
        hidden |= {group.objgen for group in groups} - on
    return [(group, group.objgen in hidden) for group in groups]


def _dictionaries(value: Dictionary, key: str) -> list[Dictionary]:
    """Those that can be recognized: a layer is an object with a number."""
    found = value.get(key)
    return [
        each
        for each in (found if isinstance(found, Array) else ())
        if isinstance(each, Dictionary) and each.is_indirect
    ]
