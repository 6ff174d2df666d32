"""Pages of several PDFs in one document: each shows what it showed alone."""

from __future__ import annotations

import io
from itertools import pairwise

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from connector.api.cmic.types import Document
from sync.receipts import PDF, ReceiptFile
from sync.receipts.assembly import assemble
from sync.receipts.rendering import thumbnails
from tests.sync.receipts import corpus
from tests.sync.receipts.readers import are_alike, in_pdfium, in_poppler, unlike
from tests.sync.receipts.specimens.papers import PAPERS, paper

PICTURE = corpus.saved(corpus.slip(), "JPEG")
READERS = {
    "pdfium": pytest.param(in_pdfium, id="pdfium"),
    "poppler": pytest.param(in_poppler, id="poppler", marks=pytest.mark.poppler),
}
every_reader = pytest.mark.parametrize("reader", READERS.values())
# Each viewer draws them its own way; beside another form they look as in Chrome.
DRAWN_BY_VIEWERS = {"form to be drawn", "another form to be drawn"}

# Of the height of a page.
FIELD = (0.07, 0.27, 0.3, 0.36)


def joined(*contents):
    files = [ReceiptFile(f"{n}", content) for n, content in enumerate(contents, 1)]
    made = assemble(files, stem="PEX-1", limit=10_485_760)
    assert made.warnings == ()
    return made.document.content


@every_reader
@pytest.mark.parametrize("name", PAPERS)
def test_a_pdf_beside_a_picture_shows_what_it_showed_alone(name, reader):
    content = paper(name)
    pages = reader(joined(content, PICTURE))
    assert are_alike(pages[:-1], reader(content))


@every_reader
@pytest.mark.parametrize("name", PAPERS)
def test_a_pdf_behind_another_shows_what_it_showed_alone(name, reader):
    content = paper(name)
    pages = reader(joined(PICTURE, content))
    assert are_alike(pages[1:], reader(content))


@settings(deadline=None, max_examples=60, database=None, derandomize=True)
@given(st.lists(st.sampled_from(sorted(PAPERS)), min_size=2, max_size=4))
def test_any_pdfs_together_show_what_each_showed_alone(names):
    contents = [paper(name) for name in names]
    alone = [page for content in contents for page in in_pdfium(content)]
    assert are_alike(in_pdfium(joined(*contents)), alone)


@pytest.mark.poppler
@pytest.mark.parametrize(("one", "other"), [*pairwise([*PAPERS, "form"])])
def test_two_pdfs_together_show_it_in_poppler_too(one, other):
    contents = [paper(one), paper(other)]
    pages = in_poppler(joined(*contents))
    meant = [page for content in contents for page in in_poppler(content)]
    if {one, other} & DRAWN_BY_VIEWERS:
        # In a font of Chrome's, and the same in every viewer: the ink is there.
        assert [has_value(page) for page in pages] == [
            has_value(page) for page in meant
        ]
    else:
        assert are_alike(pages, meant)


def has_value(page):
    """Whether anything stands where the papers have their field."""
    left, top, right, bottom = (round(part * page.height) for part in FIELD)
    return page.convert("L").crop((left, top, right, bottom)).getextrema()[0] < 90


def test_fields_of_two_forms_keep_names_and_values_apart():
    forms = [paper("form"), paper("form of the same names")]
    with pikepdf.open(io.BytesIO(joined(*forms))) as pdf:
        fields = {str(each.T): str(each.get("/V")) for each in pdf.Root.AcroForm.Fields}
    assert len(fields) == 4
    assert sorted(fields.values()) == ["/Yes", "/Yes", "118.40", "9.75"]


def test_colours_that_a_pdf_is_meant_for_stay_at_its_pages():
    with pikepdf.open(io.BytesIO(joined(PICTURE, paper("printed")))) as pdf:
        assert "/OutputIntents" not in pdf.pages[0].obj
        (intent,) = pdf.pages[1].obj.OutputIntents
        assert len(intent.DestOutputProfile.read_bytes()) > 500


def test_pages_are_counted_whatever_their_documents_called_them():
    with pikepdf.open(io.BytesIO(joined(PICTURE, paper("labelled")))) as pdf:
        assert "/PageLabels" not in pdf.Root


def test_small_parts_stay_packed():
    content = paper("packed")
    assert len(joined(content, PICTURE)) < 2 * len(content) + len(PICTURE)


def test_the_same_forms_make_the_same_bytes():
    forms = [paper(name) for name in sorted(DRAWN_BY_VIEWERS)]
    assert joined(*forms) == joined(*forms)


@pytest.mark.parametrize("name", ["form", "form to be drawn", "layers"])
def test_small_pictures_show_what_a_browser_shows(name):
    (small,) = thumbnails(Document(paper(name), PDF, "x.pdf"))
    (page,) = in_pdfium(paper(name))
    shown = Image.open(io.BytesIO(small)).resize(page.size)
    assert unlike(shown, page) < 40
