"""What TIFF files say that their decoder passes over: colour maps of 8 bits, colours in
planes of 16, black that counts from above, and points that are not square.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from PIL import Image, ImageChops, ImagePalette

from sync.receipts.colours import plain

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _MEANING = 256, 257, 258, 259, 262
_FILL_ORDER, _STRIPS, _ORIENTATION, _SAMPLES, _ROWS = 266, 273, 274, 277, 278
_STRIP_SIZES, _ACROSS, _DOWN, _LAYOUT, _PREDICTOR = 279, 282, 283, 284, 317
_COLOURS, _TILES, _TILE_SIZES, _EXTRA = 320, 324, 325, 338
_ALONE = (322, 323)  # width and height of a tile
_KEPT = (
    *(_WIDTH, _HEIGHT, _COMPRESSION, _FILL_ORDER, _ORIENTATION, _ROWS),
    *(*_ALONE, _PREDICTOR),
)
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PRINTED = 0, 1, 2, 5
_SEPARATE, _SIXTEEN = 2, 16
_BYTE = 255
_LYING = 5  # orientations from here on lie on their side
# A fax of 204 by 98 points an inch is 2.1; what is beyond is a mistake.
_SQUARE, _MOST_SQUASHED = 1.03, 5.0
_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}


def decoded(picture: Any, content: bytes, most_points: int) -> Image.Image:
    """The page that the opened TIFF stands at, upright, with square points, and in
    colours that every viewer shows. Raises the decoder's errors."""
    tags = dict(picture.tag_v2)
    picture.info.pop("xmp", None)
    if _is_in_planes(tags):
        shown = _merged(content, tags)
    else:
        if picture.mode == "P" and max(tags.get(_COLOURS, (_BYTE + 1,))) <= _BYTE:
            picture.palette = ImagePalette.raw("RGB;L", bytes(tags[_COLOURS]))
        shown = plain(picture)
        if tags.get(_MEANING) == _WHITE_IS_ZERO and _is_long(picture):
            shown = ImageChops.invert(shown)
    return _squared(shown, tags, most_points)


def _is_long(picture: Image.Image) -> bool:
    """Of more than 8 bits, where the decoder takes no notice of what black is."""
    return picture.mode.startswith("I") or picture.mode == "F"


def _is_in_planes(tags: dict[int, Any]) -> bool:
    return (
        tags.get(_LAYOUT) == _SEPARATE
        and set(tags.get(_BITS, ())) == {_SIXTEEN}
        and tags.get(_MEANING) in (_RGB, _PRINTED)
    )


def _merged(content: bytes, tags: dict[int, Any]) -> Image.Image:
    """Each plane read as a grey picture of its own, which the decoder can."""
    planes = []
    for number in range(tags[_SAMPLES]):
        with Image.open(
            BytesIO(_plane(content, tags, number)), formats=["TIFF"]
        ) as one:
            planes.append(plain(one))
    is_printed = tags[_MEANING] == _PRINTED
    colours = 4 if is_printed else 3
    whole = Image.merge("CMYK" if is_printed else "RGB", planes[:colours])
    if tags.get(_EXTRA, (0,))[0] in (1, 2) and len(planes) > colours:
        whole = whole.convert("RGB")
        whole.putalpha(planes[colours])
    return plain(whole)


def _plane(content: bytes, tags: dict[int, Any], number: int) -> bytes:
    """The file with another directory, of one plane only."""
    order = _ORDERS.get(content[:4])
    if order is None:
        raise ValueError("a TIFF of another build")
    places, sizes = (
        (_STRIPS, _STRIP_SIZES) if _STRIPS in tags else (_TILES, _TILE_SIZES)
    )
    count = len(tags[places]) // tags[_SAMPLES]
    own = slice(number * count, (number + 1) * count)
    entries: dict[int, Sequence[int]] = {
        **{tag: [int(tags[tag])] for tag in _KEPT if tag in tags},
        _BITS: [_SIXTEEN],
        _MEANING: [_BLACK_IS_ZERO],
        _SAMPLES: [1],
        places: list(tags[places][own]),
        sizes: list(tags[sizes][own]),
    }
    return _with_directory(content, entries, order)


def _with_directory(
    content: bytes, entries: dict[int, Sequence[int]], order: str
) -> bytes:
    """At the end of the file, so that all places in it stay true."""
    start = len(content) + len(content) % 2
    after = start + 2 + 12 * len(entries) + 4
    head, values = struct.pack(f"{order}H", len(entries)), b""
    for tag, numbers in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            place = struct.pack(f"{order}I", after + len(values))
            values += packed
            packed = place
        head += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + packed
    whole = content[:4] + struct.pack(f"{order}I", start) + content[8:]
    return whole.ljust(start, b"\0") + head + bytes(4) + values


def _squared(
    picture: Image.Image, tags: dict[int, Any], most_points: int
) -> Image.Image:
    try:
        across, down = float(tags.get(_ACROSS, 1)), float(tags.get(_DOWN, 1))
        longer = across / down
    except (TypeError, ValueError, ArithmeticError):
        return picture
    if tags.get(_ORIENTATION, 1) >= _LYING:
        longer = 1 / longer if longer else 0
    if not 1 / _MOST_SQUASHED < longer < _MOST_SQUASHED:
        return picture
    if 1 / _SQUARE < longer < _SQUARE:
        return picture
    width, height = picture.size
    if longer > 1:
        height = round(height * longer)
    else:
        width = round(width / longer)
    if width * height > most_points:
        return picture
    way = Image.Resampling.NEAREST if picture.mode == "1" else Image.Resampling.BICUBIC
    return picture.resize((width, height), way)
