"""All receipts of a purchase as one document: what comes out of every kind of file."""

import io

import pikepdf
import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat
from pypdf import PdfReader

from sync.receipts import (
    JPEG,
    MOST_FILES,
    PDF,
    PNG,
    Origin,
    ReceiptFile,
    file_name,
    fingerprint,
)
from sync.receipts.assembly import STEPS, assemble
from sync.receipts.default_page import no_attachment
from sync.receipts.pictures import Picture, shrunk
from tests.sync.receipts import corpus

DETAILS = [("Merchant", "Lumber & Söhne"), ("Amount", "118.40")]
LIMIT = 10_485_760
UNTOUCHED = (
    *("jpeg", "jpeg progressive", "jpeg grey", "png", "png palette", "pdf"),
    *("png opaque alpha", "png 16 bit", "png interlaced"),
)
# Mean difference of a tone out of 255; another picture, or one turned, is above 30.
ALIKE = 9


def made(*contents, stem="PEX-1", limit=LIMIT):
    files = [ReceiptFile(f"{n}", content) for n, content in enumerate(contents, 1)]
    return assemble(files, stem=stem, limit=limit)


def content_of(name):
    content = corpus.GOOD[name][0]()
    assert len(content) < 200_000
    return content


def rendered(document):
    """Each page as a viewer shows it."""
    if document.content_type != PDF:
        picture = Image.open(io.BytesIO(document.content))
        if picture.mode.startswith("I"):
            picture = picture.convert("I").point(lambda tone: tone / 257).convert("L")
        return [picture.convert("RGB")]
    assert PdfReader(io.BytesIO(document.content)).pages
    pdf = pypdfium2.PdfDocument(document.content)
    pages = [page.render(scale=1.5).to_pil().convert("RGB") for page in pdf]
    pdf.close()
    return pages


def difference(page, source=None):
    source = (source or corpus.slip()).convert("L")
    assert abs(page.width / page.height - source.width / source.height) < 0.02
    seen = page.convert("L").resize(source.size)
    return ImageStat.Stat(ImageChops.difference(seen, source)).mean[0]


def coloured(page):
    """As `difference`, of the colours."""
    seen = page.convert("RGB").resize(corpus.SIZE)
    return max(ImageStat.Stat(ImageChops.difference(seen, corpus.slip())).mean)


@pytest.mark.parametrize("name", corpus.GOOD)
def test_a_good_file_alone_shows_what_it_showed(name):
    content = content_of(name)
    receipts = made(content)
    assert receipts.pages == (Origin("1", 1),)
    (page,) = rendered(receipts.document)
    assert difference(page) < ALIKE
    assert (receipts.document.content is content) == (name in UNTOUCHED)
    assert bool(receipts.warnings) == ("animated" in name)


def test_all_good_files_together_are_pages_in_their_order():
    contents = [content_of(name) for name in corpus.GOOD]
    receipts = made(*contents)
    assert receipts.document.content_type == PDF
    assert receipts.pages == tuple(Origin(str(n + 1), 1) for n in range(len(contents)))
    pages = rendered(receipts.document)
    assert len(pages) == len(contents)
    assert [difference(page) for page in pages if difference(page) > ALIKE] == []


def test_files_are_in_order_of_creation():
    files = [
        ReceiptFile("late", content_of("png"), created_at="2026-03-02T10:00:00"),
        ReceiptFile("early", corpus.pdf("a", "b"), created_at="2026-03-01T10:00:00"),
    ]
    receipts = assemble(files, stem="x", limit=LIMIT)
    assert receipts.pages == (Origin("early", 1), Origin("early", 2), Origin("late", 1))


def test_a_jpeg_lies_in_the_pdf_with_its_own_data():
    content = content_of("jpeg")
    document = made(content, corpus.pdf()).document
    assert content[-500:] in document.content


@pytest.mark.parametrize("name", ["jpeg place", "jpeg turned 6", "png turned"])
@pytest.mark.parametrize("more", [0, 1])
def test_nothing_tells_of_place_and_device(name, more):
    content = content_of(name)
    assert b"SpyCam" in content
    document = made(*[content] * (1 + more)).document
    assert b"SpyCam" not in document.content
    assert b"Exif" not in document.content


def test_only_the_telling_part_of_a_jpeg_goes():
    content = content_of("jpeg place")
    cleaned = made(content).document.content
    points = [Image.open(io.BytesIO(each)).tobytes() for each in (content, cleaned)]
    assert points[0] == points[1]


def test_what_hangs_behind_a_jpeg_goes():
    content = content_of("jpeg")
    assert made(content + b"MotionPhoto" * 9).document.content == content


def test_a_tiff_of_several_pages_keeps_them_all():
    pages = [corpus.slip(text) for text in "ab"]
    content = corpus.saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    receipts = made(content)
    assert receipts.pages == (Origin("1", 1), Origin("1", 2))
    shown = rendered(receipts.document)
    pairs = zip(shown, pages, strict=True)
    assert all(difference(page, source) < ALIKE for page, source in pairs)


@pytest.mark.parametrize("name", corpus.BAD)
def test_a_bad_file_is_named_and_stops_no_other(name):
    make, said = corpus.BAD[name]
    content, good = make(), content_of("png")
    assert made(content).document is None
    receipts = made(content, good)
    assert receipts.document.content is good
    (warning,) = receipts.warnings
    assert warning.startswith("Receipt 1 was left out: it is ")
    assert said in warning


def test_what_pex_calls_it_is_said_and_not_believed():
    wrong = ReceiptFile("1", b"<html>", label="Image")
    receipts = assemble([wrong], stem="x", limit=LIMIT)
    assert "HTML" in receipts.warnings[0]
    assert "although PEX calls it “Image”" in receipts.warnings[0]
    right = ReceiptFile("1", corpus.pdf(), label="Image")
    assert assemble([right], stem="x", limit=LIMIT).document.content_type == PDF


@pytest.mark.parametrize("more", [0, 1])
def test_a_pdf_loses_what_acts_by_itself(more):
    receipts = made(*[corpus.active_pdf()] * (1 + more))
    with pikepdf.open(io.BytesIO(receipts.document.content)) as pdf:
        texts = " ".join(repr(each) for each in pdf.objects)
        streams = [each.get("/Type") for each in pdf.objects if "/Type" in each]
    for word in ("JavaScript", "/JS", "Launch", "/AA", "EmbeddedFile", "run.exe"):
        assert word not in texts
    assert "/EmbeddedFile" not in streams
    assert "active parts were removed" in receipts.warnings[0]
    assert all(difference(page) < ALIKE for page in rendered(receipts.document))


def test_a_pdf_that_only_forbids_changes_goes_as_it_is():
    content = corpus.encrypted("")
    assert made(content).document.content is content
    assert len(rendered(made(content, content).document)) == 2


def test_a_picture_that_opens_but_ends_in_garbage_costs_no_other():
    buffer = io.BytesIO()
    Image.new("1", (240, 360)).save(buffer, "PNG")
    whole = buffer.getvalue()
    broken = whole[:-12] + b"\xff\xff\xff\xff" + whole[-8:]
    receipts = made(broken, content_of("png"))
    assert receipts.warnings == ()
    assert len(rendered(receipts.document)) == 2


def test_too_many_files_are_named():
    receipts = made(*[content_of("png")] * (MOST_FILES + 1))
    assert len(receipts.pages) == MOST_FILES
    assert "at most 40 receipts" in receipts.warnings[0]


class TestOverTheLimit:
    def test_a_picture_is_made_smaller(self):
        large = corpus.saved(corpus.slip().resize((2400, 3200)), "PNG")
        receipts = made(large, limit=len(large) // 3)
        assert receipts.document.content_type == JPEG
        assert len(receipts.document.content) <= len(large) // 3
        assert difference(rendered(receipts.document)[0]) < ALIKE
        assert "made smaller" in receipts.warnings[0]

    def test_small_ones_beside_it_stay_as_they_are(self):
        noise = Image.effect_noise((1400, 1800), 80).convert("RGB")
        large, small = corpus.saved(noise, "JPEG", quality=95), content_of("jpeg")
        receipts = made(large, small, limit=len(large) // 2)
        assert len(receipts.document.content) <= len(large) // 2
        assert small[-500:] in receipts.document.content

    def test_a_pdf_is_left_whole_and_the_sizes_are_said(self):
        content = corpus.pdf()
        receipts = made(content, content_of("jpeg"), limit=len(content))
        assert receipts.document is None
        assert f"receipt 1 {len(content):,}" in receipts.excess
        assert f"at most {len(content):,} can be sent" in receipts.excess


def test_small_print_is_readable_after_the_last_step():
    """A letter page of eight-point print, scanned at 300 dots an inch: each character
    of what is left looks most like itself among all characters."""
    letters = "0123456789$ABCDEFGHKLMNPRSTUVWXYZ"
    font, cell = ImageFont.load_default(33), 60
    page = Image.new("L", (2550, 3300), "white")
    for n, letter in enumerate(letters):
        at = (cell * (n % 30) + 9, cell * (n // 30) + 9)
        ImageDraw.Draw(page).text(at, letter, fill=40, font=font)
    whole = Picture(corpus.saved(page.convert("RGB"), "PNG"), "PNG")
    longest, quality = STEPS[-1]
    small = shrunk(whole, longest=longest, quality=quality)
    with Image.open(io.BytesIO(small.content)) as picture:
        assert max(picture.size) == longest
        seen = picture.convert("L").resize(page.size, Image.Resampling.BICUBIC)

    def glyph(source, n):
        left, top = cell * (n % 30), cell * (n // 30)
        return source.crop((left, top, left + cell, top + cell))

    def read(n):
        def unlike(m):
            other = ImageChops.difference(glyph(seen, n), glyph(page, m))
            return ImageStat.Stat(other).rms[0]

        return letters[min(range(len(letters)), key=unlike)]

    assert "".join(read(n) for n in range(len(letters))) == letters


def test_the_same_files_make_the_same_bytes():
    contents = content_of("png clear"), corpus.pdf(), content_of("jpeg turned 6")
    assert len({fingerprint(made(*contents).document) for _ in range(2)}) == 1


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("PEX-1", "PEX-1.pdf"),
        ("../../etc/pass\x00wd", "etc-pass-wd.pdf"),
        ("a\r\nX: y", "a-X-y.pdf"),
        ("/", "receipt.pdf"),
    ],
)
def test_no_name_is_a_path_or_a_header(stem, name):
    assert file_name(stem, PDF) == name


def test_a_combined_document_has_the_invoice_number_as_title():
    document = made(content_of("png"), corpus.pdf(), stem="PEX-7").document
    assert PdfReader(io.BytesIO(document.content)).metadata.title == "PEX-7"
    assert document.file_name == "PEX-7.pdf"
    assert made(content_of("png")).document.content_type == PNG


class TestTheDefaultDocument:
    def test_is_a_page_titled_no_attachment(self):
        document = no_attachment(stem="PEX-1", details=DETAILS)
        reader = PdfReader(io.BytesIO(document.content))
        assert reader.metadata.title == "No Attachment"
        text = reader.pages[0].extract_text()
        assert "No Attachment" in text
        assert "Lumber & Söhne" in text
        assert document.file_name == "PEX-1.pdf"
        assert rendered(document)[0].convert("L").getextrema() == (0, 255)

    def test_writes_letters_that_no_font_has_plainly(self):
        details = [("Merchant", "Żółć\n Łódź"), ("Cardholder", "J. Doe")]
        document = no_attachment(stem="PEX-1", details=details)
        text = PdfReader(io.BytesIO(document.content)).pages[0].extract_text()
        assert "Zółć  Łódz" in text

    @pytest.mark.parametrize("details", [DETAILS, [("Merchant", "Żółć")]])
    def test_is_the_same_for_the_same_details(self, details):
        documents = [no_attachment(stem="PEX-1", details=details) for _ in range(2)]
        assert fingerprint(documents[0]) == fingerprint(documents[1])
