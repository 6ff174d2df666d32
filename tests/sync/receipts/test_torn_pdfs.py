"""PDFs that are damaged: what Chrome shows is sent, with a word about it."""

from __future__ import annotations

import io

import pikepdf
import pytest

from sync.receipts import Origin
from tests.sync.receipts import corpus
from tests.sync.receipts.readers import are_alike, in_pdfium, in_poppler, unlike
from tests.sync.receipts.specimens import papers
from tests.sync.receipts.specimens.papers import paper
from tests.sync.receipts.test_assembly import made

every_reader = pytest.mark.parametrize(
    "reader", [in_pdfium, pytest.param(in_poppler, marks=pytest.mark.poppler)]
)
WHOLE = paper("form")
TORN = {
    "much behind the end": WHOLE + b"<!-- a page of a portal -->\n" * 1000,
    "no end": WHOLE.replace(b"%%EOF\n", b""),
    "no table of parts": WHOLE[: WHOLE.rindex(b"xref")],
    "wrong place of the table": WHOLE.replace(b"startxref\n", b"startxref\n9"),
    "lines before it": b"\r\n\r\n<!-- from a portal -->\n" + WHOLE,
}


@every_reader
@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("name", TORN)
def test_a_damaged_pdf_that_opens_is_sent_mended(name, more, reader):
    content = TORN[name]
    receipts = made(content, *[corpus.saved(corpus.slip(), "JPEG")] * more)
    assert receipts.pages[0] == Origin("1", 1)
    assert are_alike(reader(receipts.document.content)[:1], reader(WHOLE))
    if name == "lines before it":
        return
    assert receipts.warnings == (
        "Receipt 1: it is damaged and was mended. Compare it with PEX, because pages "
        "may be missing.",
    )
    with pikepdf.open(io.BytesIO(receipts.document.content)) as pdf:
        assert pdf.get_warnings() == []


def test_what_only_chrome_can_read_travels_as_pictures(monkeypatch):
    def refuse(*_args, **_options):
        raise pikepdf.PdfError("unable to find trailer dictionary")

    opened = pikepdf.open
    monkeypatch.setattr("sync.receipts.pdfs.pikepdf.open", refuse)
    receipts = made(paper("inherited"))
    monkeypatch.setattr("sync.receipts.pdfs.pikepdf.open", opened)
    assert receipts.warnings == (
        "Receipt 1: it is damaged, and pictures of its pages travel instead.",
    )
    assert receipts.pages == (Origin("1", 1), Origin("1", 2))
    pages = in_pdfium(receipts.document.content)
    meant = in_pdfium(paper("inherited"))
    # The edges of its letters are smoothed twice.
    assert max(unlike(*pair) for pair in zip(pages, meant, strict=True)) < 60


def test_a_mended_pdf_that_shows_nothing_is_left_out():
    content = corpus.pdf()
    start, end = content.index(b"stream") + 40, content.rindex(b"endstream")
    cut = content[:start] + content[end:]
    receipts = made(cut.replace(b"%%EOF", b""))
    assert receipts.document is None
    assert "damaged PDF" in receipts.warnings[0]


def test_a_form_that_only_adobe_shows_is_told_of():
    with pikepdf.open(io.BytesIO(WHOLE)) as pdf:
        pdf.Root.AcroForm.XFA = pikepdf.Array([])
        pdf.Root.NeedsRendering = True
        receipts = made(papers.written(pdf))
    assert "only Adobe's programs show (XFA)" in receipts.warnings[0]


@pytest.mark.parametrize(
    "content", [corpus.encrypted("secret"), corpus.encrypted("secret")[:-12]]
)
def test_a_locked_pdf_is_called_locked(content):
    (warning,) = made(content).warnings
    assert "a PDF that is locked" in warning
