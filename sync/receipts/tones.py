"""How a page looks from afar, to tell that what goes out is what came in."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageStat

_GRID = (16, 16)
# Of 255: JPEG and other readers' fonts stay far below, another picture far above.
_MOST_MEAN, _MOST_ANYWHERE = 24, 110
_MOST_STRETCH = 0.06
_ONE_TONE = 6
# A page of a PDF cannot be as long and thin as a picture.
_LONGEST = 100
_FAR = 1000


@dataclass(frozen=True, slots=True)
class Look:
    """Tones of grey in a grid, none of a tiny picture, and the shape (width by
    height)."""

    tones: bytes
    shape: float


def look_of(picture: Image.Image, shape: float = 0.0) -> Look:
    """Of a picture in black and white, grey or RGB; of its own shape, if it has one
    that few points cannot tell."""
    grey = picture.convert("L")
    small = grey.resize(_GRID, Image.Resampling.BOX)
    shape = shape or picture.width / max(picture.height, 1)
    # Of fewer points than the grid has, a second reader makes others.
    is_tiny = picture.width < _GRID[0] or picture.height < _GRID[1]
    return Look(b"" if is_tiny else small.tobytes(), shape)


def sampled(picture: Image.Image) -> Image.Image:
    """Few of its points, of any mode, to be looked at from afar."""
    step = max(1, max(picture.size) // _FAR)
    size = max(1, picture.width // step), max(1, picture.height // step)
    return picture.resize(size, Image.Resampling.NEAREST)


def empty_below(picture: Image.Image) -> float:
    """How much of it, from the bottom on, is one tone: what a decoder fills up with."""
    grey = picture.convert("L")
    corner = grey.crop((0, grey.height - 1, 1, grey.height))
    unlike = ImageChops.difference(grey, corner.resize(grey.size))
    seen = unlike.point([0] * _ONE_TONE + [255] * (256 - _ONE_TONE)).getbbox()
    return 1 - seen[3] / grey.height if seen else 1.0


def has_several(picture: Image.Image) -> bool:
    """Whether its points differ, whatever they mean."""
    found = picture.getextrema()
    ranges = found if isinstance(found[0], tuple) else (found,)
    return any(low != high for low, high in ranges)


def shows_nothing(picture: Image.Image) -> bool:
    """Whether it has one tone only."""
    low, high = picture.convert("L").getextrema()
    return isinstance(low, int) and isinstance(high, int) and high - low < _ONE_TONE


def difference(before: Look, after: Look) -> str:
    """What differs, as a sentence about a page without its subject; or nothing."""
    stretch = after.shape / before.shape if before.shape else 1.0
    is_strip = not 1 / _LONGEST < before.shape < _LONGEST
    if not is_strip and not 1 - _MOST_STRETCH < stretch < 1 + _MOST_STRETCH:
        return "has another shape than the file that came from PEX"
    if not before.tones or not after.tones:
        return ""
    tones = (Image.frombytes("L", _GRID, each.tones) for each in (before, after))
    apart = ImageChops.difference(*tones)
    highest = apart.getextrema()[1]
    is_far = isinstance(highest, int) and highest > _MOST_ANYWHERE
    if is_far or ImageStat.Stat(apart).mean[0] > _MOST_MEAN:
        return "looks different from the file that came from PEX"
    return ""
