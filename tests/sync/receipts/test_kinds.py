"""What is no receipt is called by the name that people have for it."""

from __future__ import annotations

import io
import tarfile
import zipfile
from email.message import EmailMessage

import pytest
from openpyxl import Workbook

from sync.receipts import ReceiptFile, UnusableReceiptError
from sync.receipts.assembly import assemble
from sync.receipts.kinds import HEIF, kind_of
from tests.sync.receipts import corpus


def mail(**heads: str) -> bytes:
    message = EmailMessage()
    told = {"From": "shop@example.com", "To": "j@example.com", "Subject": "Receipt"}
    for name, value in {**told, **heads}.items():
        message[name] = value
    message.set_content("Thank you. <html>")
    message.add_attachment(
        corpus.pdf(), maintype="application", subtype="pdf", filename="receipt.pdf"
    )
    return message.as_bytes()


def packed(*names: str, first: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if first:
            archive.writestr("mimetype", first, zipfile.ZIP_STORED)
        for name in names:
            archive.writestr(name, "x" * 500)
    return buffer.getvalue()


def compound(*names: str) -> bytes:
    """The frame of old Office documents, with parts of these names."""
    parts = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in names)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + parts


def workbook() -> bytes:
    buffer = io.BytesIO()
    Workbook().save(buffer)
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("receipt.pdf"))
    return buffer.getvalue()


def film(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + bytes(12) + b"\0\0\0\x08moov" + bytes(64)


CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Lumber & Son\r\nEND:VCARD\r\n"
STRANGERS = {
    "mail": (mail(), "a mail,"),
    "mail with a trail": (b"Received: from a\r\n by b\r\n" + mail(), "a mail,"),
    "mailbox": (b"From shop@example.com Mon Nov  2 2026\n" + mail(), "a mail,"),
    "outlook": (compound("Root Entry", "__nameid_version1.0"), "a mail (Outlook),"),
    "winmail": (b"\x78\x9f\x3e\x22" + bytes(90), "(winmail.dat),"),
    "docx": (packed("[Content_Types].xml", "word/document.xml"), "document (Word),"),
    "xlsx": (workbook(), "an Office document (Excel),"),
    "odt": (
        packed("content.xml", first=b"application/vnd.oasis.opendocument.text"),
        "an Office document (OpenDocument text),",
    ),
    "doc": (compound("Root Entry", "WordDocument"), "an Office document (Word),"),
    "xls": (compound("Root Entry", "Workbook"), "an Office document (Excel),"),
    "office of another kind": (compound("Root Entry"), "an Office document,"),
    "locked docx": (
        compound("Root Entry", "EncryptionInfo", "EncryptedPackage"),
        "an Office document that is locked,",
    ),
    "pages": (packed("Index/Document.iwa"), "an Apple document (Pages or Numbers),"),
    "html": (b"\r\n<!-- shop --><html><p>118.40", "a web page (HTML),"),
    "html without a head": (b"<div><b>118.40</b></div>", "a web page (HTML),"),
    "mhtml": (b"From: <Saved by Blink>\r\nSubject: Receipt\r\n", "a web page (MHTML),"),
    "zip": (packed("receipt.pdf"), "a packed file (ZIP),"),
    "tar": (archive(), "a packed file (tar),"),
    "rar": (b"Rar!\x1a\x07\x01\x00" + bytes(40), "a packed file (RAR),"),
    "text": (b"Lumber & Son\r\n118.40 USD\r\n", "plain text,"),
    "wide text": ("Lumber & Söhne\r\n".encode("utf-16"), "plain text,"),
    "vcard": (CARD, "an address card (vCard),"),
    "calendar": (b"BEGIN:VCALENDAR\r\n", "a calendar entry,"),
    "link": (b"[InternetShortcut]\r\nURL=https://x", "a link, and not the document"),
    "heic video": (film(b"hevc"), "a video (HEIC),"),
    "mov": (film(b"qt  "), "a video,"),
    "mp4": (film(b"isom"), "a video,"),
    "sound": (b"ID3\x04" + bytes(60), "a sound recording,"),
    "jpeg 2000": (
        b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40),
        "a JPEG 2000 picture, which browsers do not show,",
    ),
    "postscript": (b"%!PS-Adobe-3.0\n", "a print file (PostScript),"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_is_called_by_its_name(name):
    content, words = STRANGERS[name]
    receipts = assemble([ReceiptFile("1", content, "Image")], stem="x", limit=10**7)
    (warning,) = receipts.warnings
    assert warning.startswith("Receipt 1 was left out: it is ")
    assert words in warning
    assert "neither a PDF nor a picture, although PEX calls it “Image”." in warning


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("mail", "Add the receipt itself, not the mail that it came with."),
        ("outlook", "Add the receipt itself, not the mail that it came with."),
        ("docx", "Print it to a PDF and add that."),
        ("zip", "Unpack it and add what is in it."),
        ("mp4", "Add a photograph."),
    ],
)
def test_a_stranger_comes_with_what_to_do_about_it(name, advice):
    with pytest.raises(UnusableReceiptError) as raised:
        kind_of(STRANGERS[name][0])
    assert str(raised.value).endswith(f". {advice}")


def test_noise_is_called_nothing():
    with pytest.raises(UnusableReceiptError) as raised:
        kind_of(bytes(range(128, 256)) * 9)
    assert str(raised.value) == "it is neither a PDF nor a picture that can be read."


def test_a_picture_that_may_move_is_a_picture():
    assert kind_of(corpus.GOOD["heic"][0]().replace(b"ftypheic", b"ftyphevc")) == HEIF
