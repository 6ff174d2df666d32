"""All receipts of a purchase as one document."""

import io

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from sync.receipts import (
    JPEG,
    PDF,
    PNG,
    ReceiptFile,
    UnusableReceiptError,
    assemble,
    check,
    fingerprint,
    no_attachment,
)

FACTS = [("Merchant", "Lumber & Söhne"), ("Amount", "118.40")]


def picture(kind, colour="red", mode="RGB", size=(40, 60)):
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind)
    return buffer.getvalue()


def pdf(pages=1, width=200):
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(width, 300)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def encrypted():
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def files(*contents):
    return [ReceiptFile(f"{n}", content) for n, content in enumerate(contents, 1)]


def pages(content):
    return PdfReader(io.BytesIO(content)).pages


@pytest.mark.parametrize(
    ("content", "content_type", "name"),
    [
        (pdf(), PDF, "PEX-1.pdf"),
        (picture("PNG"), PNG, "PEX-1.png"),
        (picture("JPEG"), JPEG, "PEX-1.jpg"),
    ],
)
def test_a_single_file_keeps_its_own_bytes(content, content_type, name):
    receipts = assemble(files(content), file_stem="PEX-1")
    assert receipts.document.content == content
    assert receipts.document.content_type == content_type
    assert receipts.document.file_name == name
    assert receipts.warnings == ()


def test_several_files_become_one_pdf_in_their_order():
    receipts = assemble(
        files(pdf(pages=2, width=200), picture("JPEG"), picture("PNG"), pdf(width=100)),
        file_stem="PEX-1",
    )
    document = receipts.document
    assert (document.content_type, document.file_name) == (PDF, "PEX-1.pdf")
    combined = pages(document.content)
    assert len(combined) == 5
    assert [len(page.images) for page in combined] == [0, 0, 1, 1, 0]
    assert [float(combined[n].mediabox.width) for n in (0, 4)] == [200, 100]


def test_the_pictures_in_the_pdf_show_what_they_showed():
    receipts = assemble(
        files(picture("PNG", "red"), picture("PNG", "blue")), file_stem="x"
    )
    colours = [
        page.images[0].image.convert("RGB").getpixel((5, 5))
        for page in pages(receipts.document.content)
    ]
    assert colours == [(255, 0, 0), (0, 0, 255)]


def test_a_transparent_picture_lies_on_white():
    clear = picture("PNG", (0, 0, 0, 0), mode="RGBA")
    receipts = assemble(files(clear, pdf()), file_stem="x")
    shown = pages(receipts.document.content)[0].images[0].image.convert("RGB")
    assert shown.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"<svg></svg>", "neither a PDF nor a PNG nor a JPEG"),
        (b"%PDF-1.4 nothing more", "damaged PDF"),
        (picture("PNG")[:60], "damaged PNG"),
        (picture("JPEG", size=(400, 400))[:400], "damaged JPEG"),
        (encrypted(), "needs a password"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_stops_no_other(content, said):
    with pytest.raises(UnusableReceiptError, match=said):
        check(content)
    good = picture("PNG")
    receipts = assemble(files(content, good), file_stem="x")
    assert receipts.document.content == good
    assert len(receipts.warnings) == 1
    assert "Receipt 1 was left out" in receipts.warnings[0]
    assert said in receipts.warnings[0]


def test_a_file_that_cannot_be_laid_out_costs_no_other():
    ribbon = picture("PNG", size=(40_000, 1))
    receipts = assemble(files(ribbon, pdf(), picture("PNG")), file_stem="x")
    assert len(pages(receipts.document.content)) == 2
    assert "cannot be laid out" in receipts.warnings[0]


def test_no_usable_file_is_no_document():
    receipts = assemble(files(b"x"), file_stem="x")
    assert receipts.document is None
    assert len(receipts.warnings) == 1


def test_the_default_document_is_a_page_titled_no_attachment():
    document = no_attachment(file_stem="PEX-1", facts=FACTS)
    reader = PdfReader(io.BytesIO(document.content))
    assert reader.metadata.title == "No Attachment"
    text = reader.pages[0].extract_text()
    assert "No Attachment" in text
    assert "Lumber & Söhne" in text
    assert document.file_name == "PEX-1.pdf"


def test_letters_that_no_font_has_are_written_plainly():
    facts = [("Merchant", "Żółć Łódź"), ("Cardholder", "J. Doe")]
    document = no_attachment(file_stem="PEX-1", facts=facts)
    assert "Zółć Łódz" in pages(document.content)[0].extract_text()


@pytest.mark.parametrize("facts", [FACTS, [("Merchant", "Żółć")]])
def test_the_same_facts_make_the_same_bytes(facts):
    first = no_attachment(file_stem="PEX-1", facts=facts)
    second = no_attachment(file_stem="PEX-1", facts=facts)
    assert fingerprint(first) == fingerprint(second)


def test_a_combined_document_is_the_same_each_time():
    wanted = files(picture("PNG"), picture("JPEG"))
    first, second = (assemble(wanted, file_stem="x").document for _ in range(2))
    assert fingerprint(first) == fingerprint(second)
