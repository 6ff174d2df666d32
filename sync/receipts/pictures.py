"""One picture of any kind made a JPEG or PNG that every viewer shows as it is meant:
upright, opaque, still, in RGB or grey, and silent about place and device.

A JPEG or PNG that is all this already keeps its own bytes. One that is damaged is read
as far as it can be seen, and saved anew.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pillow_heif
from PIL import Image, ImageFile

from sync.receipts import UnusableReceiptError, kinds, tiffs
from sync.receipts.colours import has_strange_profile, plain
from sync.receipts.metadata import clean_jpeg, clean_png, exif_of
from sync.receipts.tones import (
    Look,
    empty_below,
    has_several,
    look_of,
    sampled,
    shows_nothing,
)

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
_TURNS_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GOOD, _OPAQUE = 90, 255
_LEAST_SEEN = 256
_JPEG_END = b"\xff\xd9"
_MOST_MISSING = 0.6
_TORN = "it is damaged. What can be seen of it travels, so compare it with PEX."


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG or PNG, to be shown turned clockwise by `turn` degrees, how it looks then,
    and whether all that was to be seen got lost on the way."""

    content: bytes
    kind: str
    turn: int = 0
    look: Look | None = field(default=None, compare=False)
    is_lost: bool = False


def read_pictures(content: bytes, kind: str) -> tuple[list[Picture], str]:
    """The file's pictures, and what is to be said about it.

    One, but for a TIFF of several pages. Raises `UnusableReceiptError`.
    """
    try:
        return _read(content, kind)
    except UnusableReceiptError:
        raise
    except MemoryError as error:
        raise _greedy(kind) from error
    except Exception:
        # The decoders raise whatever a damaged file leads them to.
        return [_what_can_be_seen(content, kind)], _TORN


def _read(content: bytes, kind: str) -> tuple[list[Picture], str]:
    with Image.open(io.BytesIO(content), formats=[kind]) as picture:
        _check_size(picture, kind, len(content))
        if kind == kinds.JPEG:
            return [_read_jpeg(content, picture)], ""
        if kind == kinds.TIFF:
            return _frames(picture, content)
        if kind == kinds.PNG and _is_fine_png(picture):
            return [_cleaned_png(content, picture)], ""
        return [_converted(picture, kind)], _moves(picture)


def _cleaned_png(content: bytes, picture: Image.Image) -> Picture:
    try:
        cleaned = clean_png(content, exif_of(picture))
    except ValueError:
        return _converted(picture, kinds.PNG)
    look = look_of(plain(sampled(picture)))
    return Picture(cleaned, kinds.PNG, look=look)


def _what_can_be_seen(content: bytes, kind: str) -> Picture:
    if kind == kinds.JPEG:
        # Its decoder shows nothing of some kinds without an end.
        content += _JPEG_END
    try:
        with _forgiving(), Image.open(io.BytesIO(content), formats=[kind]) as picture:
            _check_size(picture, kind, len(content))
            picture.load()
            if empty_below(plain(sampled(picture))) > _MOST_MISSING:
                raise UnusableReceiptError(
                    f"it is a damaged {kind}, and most of it is missing."
                )
            seen = _converted(picture, kind)
    except UnusableReceiptError:
        raise
    except MemoryError as error:
        raise _greedy(kind) from error
    except Exception as error:
        rare = ", or one of a rare kind" if kind == kinds.TIFF else ""
        raise UnusableReceiptError(f"it is a damaged {kind}{rare}.") from error
    return seen


@contextmanager
def _forgiving() -> Iterator[None]:
    """Within it a picture may end early, as viewers let it. For one file at a time: a
    child reads one."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _greedy(kind: str) -> UnusableReceiptError:
    return UnusableReceiptError(
        f"it is a {kind} that needs more memory than a receipt may."
    )


def upright(picture: Picture) -> Picture:
    """Turned in its own bytes; a JPEG keeps the fineness that it was saved with."""
    if not picture.turn:
        return picture
    with Image.open(io.BytesIO(picture.content)) as opened:
        tables = getattr(opened, "quantization", None)
        turned = plain(opened).rotate(-picture.turn, expand=True)
    options = {"qtables": tables} if tables else {"quality": _GOOD}
    content = _saved(turned, kinds.JPEG, subsampling=0, **options)
    return Picture(content, kinds.JPEG, look=picture.look)


def shrunk(picture: Picture, *, longest: int, quality: int) -> Picture:
    """Sampled again as an upright JPEG whose longer side has at most `longest` points;
    itself where that would not be smaller, or does not work."""
    try:
        return _shrunk(picture, longest, quality)
    except MemoryError:
        raise
    except Exception:
        # It opens, and still its decoder or encoder may stumble: the rest may give way.
        return picture


def _shrunk(picture: Picture, longest: int, quality: int) -> Picture:
    with Image.open(io.BytesIO(picture.content)) as opened:
        opened.draft(opened.mode, (longest, longest))
        small = plain(opened)
    small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if picture.turn:
        small = small.rotate(-picture.turn, expand=True)
    content = _saved(small, kinds.JPEG, quality=quality, optimize=True)
    if len(content) >= len(picture.content):
        return picture
    return Picture(content, kinds.JPEG, look=picture.look)


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
    exif = exif_of(picture)
    way = exif.way
    if picture.mode not in ("RGB", "L") or way in _MIRRORED:
        return _converted(picture, kinds.JPEG)
    is_strange = has_strange_profile(picture)
    shape = picture.width / picture.height
    # An eighth of the size proves as much: every byte is decoded for it.
    width, height = (max(each // 8, _LEAST_SEEN) for each in picture.size)
    picture.draft(picture.mode, (width, height))
    small, turn = plain(picture), _ROTATIONS.get(way, 0)
    look = (
        look_of(small.rotate(-turn, expand=True), 1 / shape if turn % 180 else shape)
        if turn
        else look_of(small, shape)
    )
    try:
        cleaned = clean_jpeg(content, exif, drops_profile=is_strange)
    except ValueError:
        # Stray bytes that decoders skip: nobody knows what they tell.
        with Image.open(io.BytesIO(content), formats=[kinds.JPEG]) as again:
            return _converted(again, kinds.JPEG)
    return Picture(cleaned, kinds.JPEG, turn, look)


def _is_fine_png(picture: Image.Image) -> bool:
    if getattr(picture, "n_frames", 1) > 1:
        return False
    picture.load()
    is_upright = exif_of(picture).way == 1
    return is_upright and not _is_clear(picture) and not has_strange_profile(picture)


def _is_clear(picture: Image.Image) -> bool:
    """Whether anything shines through: most screenshots only could let it."""
    if not picture.has_transparency_data:
        return False
    if picture.mode.startswith("I"):
        # Converting would cut the tones off, and with them what is clear.
        return True
    lowest = picture.convert("RGBA").getchannel("A").getextrema()[0]
    return isinstance(lowest, int) and lowest < _OPAQUE


def _frames(picture: Image.Image, content: bytes) -> tuple[list[Picture], str]:
    """Each page that can be read; raises if none can."""
    pages: list[Picture] = []
    lost: list[int] = []
    failure: Exception | None = None
    count = getattr(picture, "n_frames", 1)
    for number in range(min(count, _MOST_FRAMES)):
        try:
            picture.seek(number)
            _check_size(picture, kinds.TIFF)
            shown = tiffs.decoded(picture, content, _MOST_POINTS)
        except (UnusableReceiptError, MemoryError):
            raise
        except Exception as error:
            failure = error
            lost.append(number + 1)
        else:
            pages.append(_encoded(shown, kinds.PNG, picture))
    if failure is not None and not pages:
        raise failure
    return pages, _lost(lost, count) if lost else _too_many(picture)


def _lost(numbers: list[int], count: int) -> str:
    said = ", ".join(str(number) for number in numbers)
    pages = "page" if len(numbers) == 1 else "pages"
    return f"{pages} {said} of its {count:,} cannot be read and did not travel."


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
    way = exif_of(picture).way
    shown = plain(picture)
    if way != 1:
        shown = shown.transpose(_TURNS_BACK[way])
    is_photograph = kind in (kinds.JPEG, kinds.WEBP, kinds.HEIF, kinds.AVIF)
    return _encoded(shown, kinds.JPEG if is_photograph else kinds.PNG, picture)


def _encoded(shown: Image.Image, kind: str, source: Image.Image) -> Picture:
    options = {"quality": _GOOD} if kind == kinds.JPEG else {}
    # A black or white page is what comes of colours that are mistaken.
    is_lost = shows_nothing(shown) and has_several(source)
    content = _saved(shown, kind, **options)
    return Picture(content, kind, look=look_of(shown), is_lost=is_lost)


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    if kind == kinds.JPEG and picture.mode == "1":
        picture = picture.convert("L")
    # Everything that a picture brings along would be saved with it.
    picture.info = {}
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def redrawn(picture: Picture) -> Picture:
    """The same, decoded and saved anew by the library that could open it."""
    with Image.open(io.BytesIO(picture.content)) as opened:
        content = _saved(plain(opened), picture.kind)
    return replace(picture, content=content)


def without_alpha(picture: Picture) -> Picture:
    """For a page of a PDF, where a mask that hides nothing is in the way."""
    if picture.kind != kinds.PNG:
        return picture
    with Image.open(io.BytesIO(picture.content)) as opened:
        if opened.mode in ("1", "L", "RGB", "P") and not opened.has_transparency_data:
            return picture
        return replace(picture, content=_saved(plain(opened), kinds.PNG))
