"""Pictures that are rare or damaged show what every viewer shows of them."""

from __future__ import annotations

import io
import logging
import warnings
from dataclasses import replace

import pytest
from PIL import Image

from sync.receipts import PDF, Origin
from sync.receipts.pdfs import picture_page
from sync.receipts.pictures import read_pictures
from tests.sync.receipts import corpus
from tests.sync.receipts.readers import in_pdfium, in_poppler
from tests.sync.receipts.specimens.papers import paper
from tests.sync.receipts.specimens.rare import RARE, TORN, fax, inked
from tests.sync.receipts.test_assembly import (
    coloured,
    difference,
    made,
    rendered,
)

# Tones: what is clear becomes white, and each reader smooths letters its own way.
ALIKE = 12
SOURCES = {**RARE, **TORN}
every_reader = pytest.mark.parametrize(
    "reader",
    [in_pdfium, pytest.param(in_poppler, marks=pytest.mark.poppler)],
)


@pytest.mark.parametrize("name", RARE)
def test_a_rare_picture_alone_shows_what_it_showed(name):
    receipts = made(RARE[name][0]())
    assert receipts.pages == (Origin("1", 1),)
    assert receipts.warnings == ()
    (page,) = rendered(receipts.document)
    assert difference(page) < ALIKE
    if name.startswith("jpeg") or "planes" in name:
        assert coloured(page) < 2 * ALIKE


@every_reader
@pytest.mark.parametrize("name", SOURCES)
def test_a_picture_in_a_document_of_several_shows_what_it_showed(name, reader):
    receipts = made(SOURCES[name][0](), paper("plain"))
    assert receipts.document.content_type == PDF
    page = reader(receipts.document.content)[0]
    assert difference(page) < ALIKE
    if name.startswith("jpeg") or "planes" in name:
        assert coloured(page) < 2 * ALIKE


@pytest.mark.parametrize("name", TORN)
def test_a_damaged_picture_that_can_be_seen_travels_with_a_word_about_it(name):
    make, said = TORN[name]
    receipts = made(make())
    assert difference(rendered(receipts.document)[0]) < ALIKE
    assert bool(receipts.warnings) == bool(said)
    assert all(said in warning for warning in receipts.warnings)


def test_a_profile_of_megabytes_costs_neither_its_picture_nor_its_neighbour():
    large = inked(1_200_000)
    for limit in (10_485_760, 60_000):
        receipts = made(large, corpus.saved(corpus.slip(), "JPEG"), limit=limit)
        assert receipts.pages == (Origin("1", 1), Origin("2", 1))
        assert all(difference(page) < ALIKE for page in rendered(receipts.document))
        assert len(receipts.document.content) < 100_000


@pytest.mark.parametrize("resolution", [(0, 0), (300, 301), (1, 40)])
def test_a_resolution_that_says_nothing_changes_no_shape(resolution):
    content = fax(*(each or 1 for each in resolution))
    content = content if all(resolution) else fax(1, 1)
    (page,) = rendered(made(content).document)
    assert page.width == corpus.SIZE[0]


def test_a_picture_of_which_nothing_is_left_is_told_of():
    clear = corpus.slip().convert("RGBA")
    clear.putalpha(0)
    (warning,) = made(corpus.saved(clear, "TIFF")).warnings
    assert "came out in one colour, though it has several" in warning
    blank = corpus.saved(Image.new("L", corpus.SIZE, 255), "TIFF")
    assert made(blank).warnings == ()


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda page: page.point(lambda tone: 255 - tone), "looks different"),
        (lambda page: page.resize((360, 200)), "has another shape"),
    ],
)
def test_a_page_that_came_out_otherwise_is_told_of(monkeypatch, spoilt, said):
    """A library that made a negative of it, or squashed it, would be noticed."""

    def redrawn(picture):
        with Image.open(io.BytesIO(picture.content)) as opened:
            content = corpus.saved(spoilt(opened.convert("RGB")), "PNG")
        return replace(picture, content=content, kind="PNG")

    monkeypatch.setattr("sync.receipts.assembly.without_alpha", redrawn)
    receipts = made(corpus.saved(corpus.slip(), "JPEG"), paper("plain"))
    (warning,) = receipts.warnings
    assert warning.startswith(f"Receipt 1: page 1 {said} ")


def test_what_a_library_remarks_about_a_file_is_told(monkeypatch):
    def remarking(content, kind):
        logging.getLogger("some.library").warning("3 extraneous bytes")
        warnings.warn("Corrupt EXIF data", stacklevel=1)
        return read_pictures(content, kind)

    monkeypatch.setattr("sync.receipts.assembly.read_pictures", remarking)
    (warning,) = made(corpus.saved(corpus.slip(), "JPEG")).warnings
    assert "“3 extraneous bytes”" in warning
    assert "EXIF" not in warning


def test_a_file_that_breaks_the_document_is_named_and_stops_no_other(monkeypatch):
    def page_of(picture):
        if picture.kind == "PNG":
            raise ValueError("whatever")
        return picture_page(picture)

    monkeypatch.setattr("sync.receipts.assembly.picture_page", page_of)
    png, jpeg = (corpus.saved(corpus.slip(), kind) for kind in ("PNG", "JPEG"))
    receipts = made(png, jpeg, paper("plain"))
    assert receipts.pages == (Origin("2", 1), Origin("3", 1))
    assert receipts.warnings == (
        "Receipt 1 was left out: it opens, but cannot be made part of a document.",
    )


@pytest.mark.parametrize("size", [(50, 33), (33, 50), (9, 7), (3000, 40)])
def test_the_smallest_and_longest_pictures_are_compared_right(size):
    noise = Image.effect_noise(size, 90).convert("RGB")
    content = corpus.saved(noise, "JPEG", exif=b"Exif\x00\x00broken")
    assert made(content).warnings == made(content, paper("plain")).warnings == ()
