"""PDFs with what hangs at a document instead of at its pages, each of a few kilobytes.

`PAPERS` says of each what would be lost if its pages were taken alone.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream, String
from PIL import ImageCms

SIZE = (240, 320)
_BOX = (0, 0, *SIZE)


def _new(*contents: bytes, **page: Any) -> pikepdf.Pdf:
    pdf = pikepdf.new()
    for content in contents or (b"",):
        pdf.add_blank_page(page_size=SIZE)
        added = pdf.pages[-1].obj
        added.Resources = Dictionary(Font=Dictionary(F1=_font(pdf)))
        added.Contents = Stream(pdf, _FRAME + content)
        for key, value in page.items():
            added[f"/{key}"] = value
    return pdf


_FRAME = b"0.2 0.3 0.7 rg 0 270 240 50 re f 0.8 0.2 0.2 rg 0 0 60 40 re f 0 g\n"


def _font(pdf: pikepdf.Pdf) -> Dictionary:
    font = {"/Type": Name.Font, "/Subtype": Name.Type1, "/BaseFont": Name.Helvetica}
    return pdf.make_indirect(Dictionary(font))


def written(pdf: pikepdf.Pdf, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pdf.save(buffer, deterministic_id="encryption" not in options, **options)
    return buffer.getvalue()


def _text(value: str, size: int = 24) -> bytes:
    return f"BT /F1 {size} Tf 6 10 Td ({value}) Tj ET".encode()


def _appearance(pdf: pikepdf.Pdf, content: bytes, width: int, height: int) -> Stream:
    return pdf.make_indirect(
        Stream(
            pdf,
            content,
            Type=Name.XObject,
            Subtype=Name.Form,
            BBox=Array([0, 0, width, height]),
            Resources=Dictionary(Font=Dictionary(F1=_font(pdf))),
        )
    )


def _field(pdf: pikepdf.Pdf, at: int, name: str, **more: Any) -> Dictionary:
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Annot,
            Subtype=Name.Widget,
            T=String(name),
            F=4,
            Rect=Array([20, at, 220, at + 36]),
            P=pdf.pages[0].obj,
            **more,
        )
    )


def filled(value: str, name: str = "total", *, drawn: bool = True) -> bytes:
    """A form with a text and a ticked box; not `drawn`, its viewer has to."""
    pdf = _new()
    text = _field(
        pdf, 200, name, FT=Name.Tx, V=String(value), DA=String("/F1 24 Tf 0 g")
    )
    box = _field(pdf, 120, f"{name} paid", FT=Name.Btn, V=Name.Yes, AS=Name.Yes)
    ticked = _appearance(pdf, b"0 0.5 0 rg 0 0 60 36 re f", 200, 36)
    empty = _appearance(pdf, b"", 200, 36)
    box.AP = Dictionary(N=Dictionary(Yes=ticked, Off=empty))
    if drawn:
        text.AP = Dictionary(N=_appearance(pdf, _text(value), 200, 36))
    pdf.pages[0].obj.Annots = Array([text, box])
    pdf.Root.AcroForm = Dictionary(
        Fields=Array([text, box]),
        DR=Dictionary(Font=Dictionary(F1=_font(pdf))),
        DA=String("/F1 24 Tf 0 g"),
    )
    if not drawn:
        pdf.Root.AcroForm.NeedAppearances = True
    return written(pdf)


def nested() -> bytes:
    """Fields below another field, which has the value."""
    pdf = _new()
    parent = pdf.make_indirect(
        Dictionary(T=String("invoice"), FT=Name.Tx, V=String("A-17"), Kids=Array([]))
    )
    for at in (200, 120):
        look = _appearance(pdf, _text("A-17"), 200, 36)
        kid = _field(pdf, at, "x", Parent=parent, AP=Dictionary(N=look))
        del kid["/T"]
        parent.Kids.append(kid)
    pdf.pages[0].obj.Annots = Array(list(parent.Kids))
    pdf.Root.AcroForm = Dictionary(Fields=Array([parent]))
    return written(pdf)


def layered(*, base_is_off: bool = False) -> bytes:
    """A layer that is on and one that is off and covers the page; a third is told of
    by a membership of both."""
    pdf = _new(
        b"/OC /On BDC 0 0.6 0 rg 20 180 80 60 re f EMC\n"
        b"/OC /Off BDC 0 g 0 0 240 320 re f EMC\n"
        b"/OC /Both BDC 1 0 1 rg 120 60 100 100 re f EMC\n"
    )
    on, off = (
        pdf.make_indirect(Dictionary(Type=Name.OCG, Name=String(name)))
        for name in ("Receipt", "Void")
    )
    both = Dictionary(Type=Name.OCMD, OCGs=Array([on, off]), P=Name.AllOn)
    pdf.pages[0].obj.Resources.Properties = Dictionary(
        On=on, Off=off, Both=pdf.make_indirect(both)
    )
    state = (
        Dictionary(BaseState=Name.OFF, ON=Array([on]))
        if base_is_off
        else Dictionary(OFF=Array([off]))
    )
    state.Order = Array([on, off])
    pdf.Root.OCProperties = Dictionary(OCGs=Array([on, off]), D=state)
    return written(pdf)


def inherited() -> bytes:
    """Boxes and rotation that stand at the tree of pages, not at the page."""
    pdf = _new(_text("seen"), _text("too"))
    for page in pdf.pages:
        del page.obj["/MediaBox"]
    pdf.Root.Pages.MediaBox = Array(_BOX)
    pdf.Root.Pages.CropBox = Array([0, 0, 240, 300])
    pdf.Root.Pages.Rotate = 90
    return written(pdf)


def scaled() -> bytes:
    return written(_new(_text("large"), UserUnit=2))


def packed() -> bytes:
    """Thousands of small parts, packed together as newer programs do."""
    pdf = _new(_text("packed"))
    notes = [Dictionary(Number=each, Text=String("x" * 60)) for each in range(3000)]
    pdf.pages[0].obj.PieceInfo = Array(pdf.make_indirect(note) for note in notes)
    return written(pdf, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def stamped() -> bytes:
    """Notes with looks of their own, one of them turned, one hidden."""
    pdf = _new()
    notes = []
    stamp = b"0.9 0.6 0 rg 0 0 200 36 re f 0 g " + _text("PAID")
    for at, flags, turn in ((200, 4, ()), (100, 4, (0, 1, -1, 0)), (20, 2, ())):
        look = _appearance(pdf, stamp, 200, 36)
        if turn:
            look.Matrix = Array([*turn, 0, 0])
        notes.append(
            Dictionary(
                Type=Name.Annot,
                Subtype=Name.Stamp,
                F=flags,
                Rect=Array([20, at, 220, at + 36]),
                AP=Dictionary(N=look),
            )
        )
    pdf.pages[0].obj.Annots = Array(notes)
    return written(pdf)


def printed() -> bytes:
    """Colours meant for a profile that the document names."""
    pdf = _new(b"0.9 0.2 0 0 k 20 60 200 180 re f\n")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pdf.Root.OutputIntents = Array(
        [
            Dictionary(
                Type=Name.OutputIntent,
                S=Name.GTS_PDFA1,
                OutputConditionIdentifier=String("sRGB"),
                DestOutputProfile=pdf.make_indirect(Stream(pdf, profile, N=3)),
            )
        ]
    )
    return written(pdf)


def labelled() -> bytes:
    pdf = _new(_text("i"), _text("ii"))
    pdf.Root.PageLabels = Dictionary(Nums=Array([0, Dictionary(S=Name.r)]))
    return written(pdf)


def forbidding() -> bytes:
    """A form that nobody may change, in a document that only forbids changes."""
    with pikepdf.open(io.BytesIO(filled("77.00"))) as pdf:
        lock = pikepdf.Encryption(user="", owner="owner")
        return written(pdf, encryption=lock)


PAPERS = {
    "plain": (lambda: written(_new(_text("plain"))), "nothing"),
    "form": (lambda: filled("118.40"), "values of fields"),
    "form of the same names": (lambda: filled("9.75"), "values of fields"),
    "form to be drawn": (lambda: filled("64.00", drawn=False), "values of fields"),
    "another form to be drawn": (
        lambda: filled("32.10", "sum", drawn=False),
        "values of fields",
    ),
    "form in a tree": (nested, "values of fields"),
    "form that forbids changes": (forbidding, "values of fields"),
    "layers": (layered, "what is hidden"),
    "layers off by themselves": (lambda: layered(base_is_off=True), "what is hidden"),
    "inherited": (inherited, "boxes and rotation"),
    "scaled": (scaled, "the size"),
    "packed": (packed, "being packed"),
    "without an area": (
        lambda: written(_new(_text("x"), MediaBox=Array([0, 0, 0, 0]))),
        "nothing",
    ),
    "stamped": (stamped, "notes"),
    "printed": (printed, "the colours it is meant for"),
    "labelled": (labelled, "names of pages"),
}


@cache
def paper(name: str) -> bytes:
    return PAPERS[name][0]()
