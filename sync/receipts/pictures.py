"""One picture of any kind made a JPEG or PNG that every viewer shows as it is meant:
upright, opaque, still, in RGB or grey, and silent about place and device.

A JPEG or PNG that is all this already keeps its own bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pillow_heif
from PIL import Image, ImageOps

from sync.receipts import UnusableReceiptError, kinds
from sync.receipts.metadata import clean_jpeg, clean_png, orientation

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # the bounds here are tighter, and have a sentence

_MOST_POINTS = 50_000_000  # a phone makes 48 million
# A JPEG is read at a fraction of its size where that is enough.
_MOST_JPEG_POINTS = 220_000_000
# Less than a photograph can be told in: a bomb for every viewer after us.
_MOST_POINTS_A_BYTE = 50
_MOST_FRAMES = 100
_ROTATIONS = {3: 180, 6: 90, 8: 270}
_MIRRORED = (2, 4, 5, 7)
_GOOD, _OPAQUE = 90, 255
_WHOLE_BYTE = 256  # a 16-bit tone is that many 8-bit ones


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG or PNG, to be shown turned clockwise by `turn` degrees."""

    content: bytes
    kind: str
    turn: int = 0


def read_pictures(content: bytes, kind: str) -> tuple[list[Picture], str]:
    """The file's pictures, and what is to be said about it.

    One, but for a TIFF of several pages. Raises `UnusableReceiptError`.
    """
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as picture:
            _check_size(picture, kind, len(content))
            if kind == kinds.JPEG:
                return [_read_jpeg(content, picture)], ""
            if kind == kinds.TIFF:
                return list(_frames(picture)), _too_many(picture)
            if kind == kinds.PNG and _is_fine_png(picture):
                cleaned = clean_png(content, picture.getexif())
                return [Picture(cleaned, kinds.PNG)], ""
            return [_converted(picture, kind)], _moves(picture)
    except UnusableReceiptError:
        raise
    except MemoryError as error:
        raise UnusableReceiptError(
            f"it is a {kind} that needs more memory than a receipt may."
        ) from error
    except Exception as error:
        # The decoders raise whatever a damaged file leads them to.
        raise UnusableReceiptError(f"it is a damaged {kind}.") from error


def upright(picture: Picture) -> Picture:
    """Turned in its own bytes; a JPEG keeps the fineness that it was saved with."""
    if not picture.turn:
        return picture
    with Image.open(io.BytesIO(picture.content)) as opened:
        tables = getattr(opened, "quantization", None)
        turned = opened.rotate(-picture.turn, expand=True)
    options = {"qtables": tables} if tables else {"quality": _GOOD}
    return Picture(_saved(turned, kinds.JPEG, subsampling=0, **options), kinds.JPEG)


def shrunk(picture: Picture, *, longest: int, quality: int) -> Picture:
    """Sampled again as an upright JPEG whose longer side has at most `longest` points;
    itself where that would not be smaller."""
    with Image.open(io.BytesIO(picture.content)) as opened:
        opened.draft(opened.mode, (longest, longest))
        plain = _plain(opened)
    plain.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if picture.turn:
        plain = plain.rotate(-picture.turn, expand=True)
    content = _saved(plain, kinds.JPEG, quality=quality, optimize=True)
    if len(content) >= len(picture.content):
        return picture
    return Picture(content, kinds.JPEG)


def _check_size(picture: Image.Image, kind: str, size: int = 0) -> None:
    points, most = picture.width * picture.height, _MOST_POINTS
    if kind == kinds.JPEG:
        most = min(_MOST_JPEG_POINTS, max(most, size * _MOST_POINTS_A_BYTE))
    if points > most:
        raise UnusableReceiptError(
            f"it is a picture of {picture.width:,} × {picture.height:,} points, "
            "which is too large to be a receipt."
        )


def _read_jpeg(content: bytes, picture: Image.Image) -> Picture:
    exif = picture.getexif()
    way = orientation(exif)
    if picture.mode not in ("RGB", "L") or way in _MIRRORED:
        return _converted(picture, kinds.JPEG)
    # An eighth of the size proves as much: every byte is decoded for it.
    picture.draft(picture.mode, (picture.width // 8, picture.height // 8))
    picture.load()
    return Picture(clean_jpeg(content, exif), kinds.JPEG, _ROTATIONS.get(way, 0))


def _is_fine_png(picture: Image.Image) -> bool:
    if getattr(picture, "n_frames", 1) > 1:
        return False
    picture.load()
    return orientation(picture.getexif()) == 1 and not _is_clear(picture)


def _is_clear(picture: Image.Image) -> bool:
    """Whether anything shines through: most screenshots only could let it."""
    if not picture.has_transparency_data:
        return False
    lowest = picture.convert("RGBA").getchannel("A").getextrema()[0]
    return isinstance(lowest, int) and lowest < _OPAQUE


def _frames(picture: Image.Image) -> Iterator[Picture]:
    for number in range(min(getattr(picture, "n_frames", 1), _MOST_FRAMES)):
        picture.seek(number)
        _check_size(picture, kinds.TIFF)
        yield _converted(picture, kinds.TIFF)


def _too_many(picture: Image.Image) -> str:
    count = getattr(picture, "n_frames", 1)
    if count <= _MOST_FRAMES:
        return ""
    return f"only the first {_MOST_FRAMES} of its {count:,} pages travel."


def _moves(picture: Image.Image) -> str:
    count = getattr(picture, "n_frames", 1)
    return f"only the first of its {count:,} pictures travels." if count > 1 else ""


def _converted(picture: Image.Image, kind: str) -> Picture:
    """Decoded and saved anew: photographs as JPEG, what was lossless as PNG."""
    if picture.width * picture.height > _MOST_POINTS:
        picture.draft(picture.mode, (picture.width // 2, picture.height // 2))
    plain = _plain(ImageOps.exif_transpose(picture))
    if kind in (kinds.JPEG, kinds.WEBP, kinds.HEIF, kinds.AVIF):
        return Picture(_saved(plain, kinds.JPEG, quality=_GOOD), kinds.JPEG)
    return Picture(_saved(plain, kinds.PNG), kinds.PNG)


def _plain(picture: Image.Image) -> Image.Image:
    """In black and white, grey or RGB, and on white where it was transparent."""
    picture.load()
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        flat = Image.new("RGB", rgba.size, "white")
        flat.paste(rgba, mask=rgba.getchannel("A"))
        return flat
    if picture.mode in ("1", "L", "RGB"):
        return picture.copy()
    if picture.mode.startswith("I"):
        # Converting would cut the tones off instead of scaling them.
        return picture.convert("I").point(lambda tone: tone / _WHOLE_BYTE).convert("L")
    return picture.convert("RGB")


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    if kind == kinds.JPEG and picture.mode == "1":
        picture = picture.convert("L")
    # Everything that a picture brings along would be saved with it.
    profile = picture.info.get("icc_profile") if picture.mode == "RGB" else None
    picture.info = {}
    if profile:
        options["icc_profile"] = profile
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def redrawn(picture: Picture) -> Picture:
    """The same, decoded and saved anew by the library that could open it."""
    with Image.open(io.BytesIO(picture.content)) as opened:
        content = _saved(_plain(opened), picture.kind)
    return replace(picture, content=content)


def without_alpha(picture: Picture) -> Picture:
    """For a page of a PDF, where a mask that hides nothing is in the way."""
    if picture.kind != kinds.PNG:
        return picture
    with Image.open(io.BytesIO(picture.content)) as opened:
        if opened.mode in ("1", "L", "RGB", "P") and not opened.has_transparency_data:
            return picture
        return replace(picture, content=_saved(_plain(opened), kinds.PNG))
