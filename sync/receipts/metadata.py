"""Takes out of JPEG and PNG files what tells of place and device, without touching a
point of the picture: whole segments are left away, the rest is copied.

A file that has no such thing comes back as the very same bytes.
"""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

# EXIF that says nothing about where and with what: size, resolution, colours, time.
_HARMLESS = frozenset(
    {0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x0112, 0x0115, 0x011A, 0x011B}
    | {0x0128, 0x0132, 0x0213, 0x8769}
    | {0x9000, 0x9003, 0x9004, 0x9101, 0xA000, 0xA001, 0xA002, 0xA003, 0xA217}
)
_ORIENTATION, _EXIF_IFD = 0x0112, 0x8769
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN, _END = 0xDA, 0xD9
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_PROFILE = b"ICC_PROFILE\x00"
_PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_PNG_PRIVATE = (b"XML:com.adobe.xmp", b"Raw profile type")


@dataclass(frozen=True, slots=True)
class Exif:
    """What a file says of itself: 1 to 8 for how it was held (1, upright, also where
    that makes no sense), and whether the rest may tell of place or device."""

    way: int
    tells: bool


def exif_of(picture: Image.Image) -> Exif:
    """From EXIF, not XMP: no browser turns a picture by that, and the library would.

    Of a damaged one nobody knows what it tells.
    """
    exif = Image.Exif()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exif.load(picture.info.get("exif") or b"")
            is_harmless = not set(exif) - _HARMLESS
            is_harmless &= not set(exif.get_ifd(_EXIF_IFD)) - _HARMLESS
    except Exception:
        # Whatever a damaged one leads the library to.
        return Exif(1, tells=True)
    way = exif.get(_ORIENTATION, 1)
    way = way if isinstance(way, int) and 1 <= way <= 8 else 1
    return Exif(way, tells=way != 1 or not is_harmless or bool(caught))


def clean_jpeg(content: bytes, exif: Exif, *, drops_profile: bool = False) -> bytes:
    """Without place, device, previews and what hangs behind the picture, and without
    its colour profile where that is asked for.

    Raises `ValueError` if the file is not built as a JPEG is.
    """
    kept: list[bytes] = [content[:2]]
    is_changed, end = False, 2
    for start, end, marker in _segments(content):
        is_profile = _body(content, start).startswith(_PROFILE)
        tells = _tells(content, start, marker, drops_exif=exif.tells)
        if tells or (drops_profile and is_profile):
            is_changed = True
        else:
            kept.append(content[start:end])
    is_changed = is_changed or bool(content[end:].strip(b"\x00\r\n "))
    return b"".join(kept) if is_changed else content


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Start, end and marker of each part; a scan is one part with its data."""
    at = 2
    while True:
        start = at
        if content[at : at + 1] != b"\xff":
            raise ValueError("no marker where one must be")
        while content[at : at + 1] == b"\xff":
            at += 1
        marker = content[at] if at < len(content) else _END
        at += 1
        if marker == _END:
            yield start, at, marker
            return
        if marker not in _STANDALONE:
            length = content[at : at + 2]
            if len(length) < 2 or int.from_bytes(length, "big") < 2:
                raise ValueError("a part without its length")
            at += int.from_bytes(length, "big")
        if marker == _START_OF_SCAN:
            found = _AFTER_SCAN.search(content, at)
            if found is None:
                # Ends without saying so, which decoders forgive.
                yield start, len(content), marker
                return
            at = found.start()
        yield start, at, marker


def _tells(content: bytes, start: int, marker: int, *, drops_exif: bool) -> bool:
    """Whether the part may tell of place or device."""
    if not 0xE1 <= marker <= 0xEF or marker in (0xEC, 0xEE):
        return False
    body = _body(content, start)
    if marker == 0xE1:
        return drops_exif or not body.startswith(b"Exif\x00")
    if marker == 0xE2:
        return not body.startswith(_PROFILE)
    return True


def _body(content: bytes, start: int) -> bytes:
    """How a part begins, behind its marker and its length."""
    return content[start : start + 40].lstrip(b"\xff")[3:]


def clean_png(content: bytes, exif: Exif) -> bytes:
    """As `clean_jpeg`."""
    chunks = list(_chunks(content))
    tells = any(
        (name == b"eXIf" and exif.tells)
        or (name in _PNG_TEXTS and content.startswith(_PNG_PRIVATE, start + 8))
        for start, _, name in chunks
    )
    end = chunks[-1][1]
    if not tells and not content[end:].strip(b"\x00\r\n "):
        return content
    dropped = (*_PNG_TEXTS, b"eXIf")
    kept = [content[start:to] for start, to, name in chunks if name not in dropped]
    return content[:8] + b"".join(kept)


def _chunks(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 8
    while True:
        head = content[at : at + 8]
        if len(head) < 8:
            raise ValueError("the end is missing")
        length, name = struct.unpack(">I4s", head)
        end = at + 12 + length
        if zlib.crc32(content[at + 4 : end - 4]) != _number(content[end - 4 : end]):
            raise ValueError("a part whose sum is wrong")
        yield at, end, name
        if name == b"IEND":
            return
        at = end


def _number(content: bytes) -> int:
    return int.from_bytes(content, "big")
