"""Receipts of every kind that people and attackers send, each under 200 KB, made here.

`GOOD` and `BAD` say of each file what it is for. Every good one shows the same slip, so
that what comes out can be compared with it.
"""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache, partial
from typing import Any

import pikepdf
import pillow_heif
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

pillow_heif.register_heif_opener()

LINES = ("LUMBER & SON", "2x4 studs     86.40", "Screws        32.00", "118.40 USD")
SIZE = (360, 480)


@cache
def slip(text: str = "") -> Image.Image:
    """The picture that every good file shows: darker on top than below, and text."""
    picture = Image.new("RGB", SIZE, (250, 248, 240))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, SIZE[0], 90), fill=(30, 60, 140))
    pen.rectangle((0, 400, 120, SIZE[1]), fill=(200, 40, 40))
    for row, line in enumerate((*LINES, text)):
        pen.text((24, 130 + 44 * row), line, fill="black", font=_font(26))
    return picture


def _font(size: int):
    return ImageFont.load_default(size)


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def pdf(*texts: str) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=SIZE, invariant=True)
    for text in texts or ("",):
        canvas.drawImage(ImageReader(slip(text)), 0, 0, *SIZE)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _exif(**tags: object) -> bytes:
    exif = Image.Exif()
    if way := tags.get("way"):
        exif[0x0112] = way
    if tags.get("tells"):
        exif[0x010F], exif[0x0110] = "SpyCam", "SpyCam 9"
        exif.get_ifd(0x8825).update({1: "N", 2: (40.0, 26.0, 46.0)})
    return exif.tobytes()


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def lying(way: int, kind: str = "JPEG") -> bytes:
    """Stored turned, with the EXIF that says how to turn it back."""
    return saved(slip().transpose(_TURNS[way]), kind, exif=_exif(way=way, tells=True))


def _clear() -> bytes:
    picture = slip().convert("RGBA")
    clear = Image.new("RGBA", SIZE, (255, 255, 255, 0))
    # The paper's own colour is left away, as a scanner's program does.
    mask = picture.convert("L").point(lambda tone: 255 if tone < 240 else 0)
    return saved(Image.composite(picture, clear, mask), "PNG")


def _tones() -> bytes:
    """Grey in 16 bits: converted carelessly it is all white."""
    grey = slip().convert("L").convert("I").point(lambda tone: tone * 257)
    return saved(grey.convert("I;16"), "PNG")


def _interlaced() -> bytes:
    """Seven passes (Adam7) written by hand: Pillow reads them and writes none."""
    picture, raw = slip().convert("L"), b""
    for x, y, dx, dy in (
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
        *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
    ):
        for row in range(y, SIZE[1], dy):
            line = picture.crop((0, row, SIZE[0], row + 1)).tobytes()[x::dx]
            raw += b"\x00" + line
    return png(SIZE, raw, interlace=1)


def png(
    size: tuple[int, int],
    raw: bytes,
    *,
    depth: int = 8,
    interlace: int = 0,
    clear: int | None = None,
) -> bytes:
    """A grey PNG of these rows, written by hand; `clear` is the tone that is none."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    head = struct.pack(">IIBBBBB", *size, depth, 0, 0, 0, interlace)
    parts = [chunk(b"IHDR", head)]
    if clear is not None:
        parts.append(chunk(b"tRNS", struct.pack(">H", clear)))
    parts += [chunk(b"IDAT", zlib.compress(raw, 9)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _animated(kind: str) -> bytes:
    second = Image.new("RGB", SIZE, "green")
    return saved(slip(), kind, save_all=True, append_images=[second], duration=100)


GOOD = {
    "jpeg": (lambda: saved(slip(), "JPEG"), "a plain JPEG"),
    "jpeg progressive": (lambda: saved(slip(), "JPEG", progressive=True), "in scans"),
    "jpeg grey": (lambda: saved(slip().convert("L"), "JPEG"), "one channel"),
    "jpeg cmyk": (lambda: saved(slip().convert("CMYK"), "JPEG"), "printer's colours"),
    "jpeg place": (
        lambda: saved(slip(), "JPEG", exif=_exif(tells=True)),
        "place and device in EXIF",
    ),
    **{
        f"jpeg turned {way}": (partial(lying, way), "stored as it was held")
        for way in _TURNS
    },
    "png turned": (lambda: lying(6, "PNG"), "EXIF in a PNG"),
    "png": (lambda: saved(slip(), "PNG"), "a plain PNG"),
    "png palette": (lambda: saved(slip().quantize(64), "PNG"), "256 colours"),
    "png opaque alpha": (lambda: saved(slip().convert("RGBA"), "PNG"), "screenshots"),
    "png clear": (_clear, "transparent: dark viewers show black on black"),
    "png 16 bit": (_tones, "tones of 16 bits"),
    "png interlaced": (_interlaced, "in passes"),
    "png animated": (lambda: _animated("PNG"), "moves"),
    "gif animated": (lambda: _animated("GIF"), "moves, 256 colours"),
    "webp": (lambda: saved(slip(), "WEBP", quality=90), "messengers send it"),
    "webp animated": (lambda: _animated("WEBP"), "moves"),
    "heic": (lambda: saved(slip(), "HEIF", quality=80), "telephones send it"),
    "avif": (lambda: saved(slip(), "AVIF", quality=80), "as HEIC, newer"),
    "tiff": (lambda: saved(slip(), "TIFF", compression="tiff_lzw"), "scanners"),
    "bmp": (lambda: saved(slip().quantize(16), "BMP"), "old programs"),
    "pdf": (pdf, "a plain PDF"),
}


def encrypted(password: str) -> bytes:
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf())) as opened:
        lock = pikepdf.Encryption(user=password, owner="owner")
        opened.save(buffer, encryption=lock)
    return buffer.getvalue()


def _png_bomb() -> bytes:
    return png((60_000, 60_000), b"\x00" * 100)


def _jpeg_bomb() -> bytes:
    content = bytearray(saved(slip(), "JPEG"))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", 65_000, 65_000)
    return bytes(content)


def _jpeg_sparse() -> bytes:
    """As large as the largest photographs, from a few kilobytes in scans."""
    content = bytearray(saved(slip(), "JPEG", progressive=True))
    at = content.index(b"\xff\xc2") + 5
    content[at : at + 4] = struct.pack(">HH", 14_800, 14_800)
    return bytes(content)


BAD = {
    "empty": (lambda: b"", "it is empty"),
    "svg": (lambda: b"<?xml version='1.0'?><svg onload='alert(1)'/>", "SVG"),
    "html": (lambda: b"<!DOCTYPE html><script>alert(1)</script>", "HTML"),
    "zip": (lambda: b"PK\x03\x04" + bytes(60), "ZIP or Office"),
    "text": (lambda: b"Receipt: 118.40", "neither a PDF nor a picture"),
    "png cut": (lambda: saved(slip(), "PNG")[:900], "damaged PNG"),
    "jpeg cut": (lambda: saved(slip(), "JPEG")[:3000], "damaged JPEG"),
    "webp cut": (lambda: saved(slip(), "WEBP")[:900], "damaged WEBP"),
    "heic cut": (lambda: saved(slip(), "HEIF")[:900], "damaged HEIF"),
    "pdf cut": (lambda: pdf()[:2000], "whose end is missing"),
    "pdf hollow": (lambda: b"%PDF-1.4\nstartxref\n0\n%%EOF", "damaged PDF"),
    "pdf locked": (lambda: encrypted("secret"), "needs a password"),
    "png bomb": (_png_bomb, "too large to be a receipt"),
    "jpeg bomb": (_jpeg_bomb, "too large to be a receipt"),
    "jpeg sparse": (_jpeg_sparse, "too large to be a receipt"),
}


def active_pdf() -> bytes:
    """A script on opening, an attached file, a page and a note that act."""
    writer = PdfWriter()
    writer.append(io.BytesIO(pdf()))
    writer.add_attachment("run.exe", b"MZ")
    script = DictionaryObject(
        {
            NameObject("/S"): NameObject("/JavaScript"),
            NameObject("/JS"): TextStringObject("app.alert('page')"),
        }
    )
    page, root = writer.pages[0], writer.root_object
    root[NameObject("/OpenAction")] = script
    scripts = ArrayObject([TextStringObject("start"), script])
    names: Any = root["/Names"]
    names[NameObject("/JavaScript")] = DictionaryObject({NameObject("/Names"): scripts})
    page[NameObject("/AA")] = DictionaryObject({NameObject("/O"): script})
    note = DictionaryObject(
        {
            NameObject("/Subtype"): NameObject("/Link"),
            NameObject("/Rect"): ArrayObject(NumberObject(n) for n in (0, 0, 9, 9)),
            NameObject("/A"): DictionaryObject(
                {
                    NameObject("/S"): NameObject("/Launch"),
                    NameObject("/F"): TextStringObject("run.exe"),
                }
            ),
        }
    )
    page[NameObject("/Annots")] = ArrayObject([note])
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
