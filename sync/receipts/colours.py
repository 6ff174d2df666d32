"""Colours and depths of a decoded picture, brought to what every viewer shows alike.

Eight bits a tone, grey or RGB as sRGB means it, and on white where it was transparent.
A profile is used for that and then dropped; one that is no use is dropped at once.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

from PIL import Image, ImageChops, ImageCms

_SPACES = {"RGB": b"RGB ", "L": b"GRAY", "CMYK": b"CMYK"}
_LEAST_PROFILE = 128
_SIXTEEN = ("I;16", "I;16L", "I;16N", "I;16B")
_BYTE, _WORD = 255, 65535
_PLAIN = ("1", "L", "RGB")


def plain(picture: Image.Image) -> Image.Image:
    """In black and white, grey or RGB, for itself: without profile and transparency."""
    picture.load()
    if picture.mode in _SIXTEEN:
        return _from_words(picture)
    if picture.mode in ("I", "F"):
        return _from_numbers(picture)
    _shorten_transparency(picture)
    clear = _alpha(picture)
    shown = _in_srgb(_without_alpha(picture))
    if clear is not None:
        flat = Image.new("RGB", shown.size, "white")
        flat.paste(shown, mask=clear)
        shown = flat
    shown = shown.copy() if shown is picture else shown
    shown.info = {}
    return shown


def has_strange_profile(picture: Image.Image) -> bool:
    """Whether its profile is none, or one of colours that it is not made of."""
    profile = picture.info.get("icc_profile")
    mode = "RGB" if picture.mode in ("P", "RGBA", "PA") else picture.mode
    mode = "L" if mode in ("1", "LA", *_SIXTEEN) else mode
    return bool(profile) and _space_of(profile) != _SPACES.get(mode)


def _space_of(profile: object) -> bytes:
    """Four letters for what the profile's colours are made of, or none."""
    if not isinstance(profile, bytes) or len(profile) < _LEAST_PROFILE:
        return b""
    return profile[16:20] if profile[36:40] == b"acsp" else b""


def _in_srgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "LAB":
        source: Any = ImageCms.createProfile("LAB")
        return _converted(picture, source) or picture.convert("L")
    profile = picture.info.get("icc_profile")
    if _space_of(profile) == _SPACES.get(picture.mode, b"-"):
        converted = _converted(picture, io.BytesIO(bytes(profile or b"")))
        if converted is not None:
            return converted
    return picture if picture.mode in _PLAIN else picture.convert("RGB")


def _converted(picture: Image.Image, source: Any) -> Image.Image | None:
    """None where the profile cannot be used."""
    if picture.mode == "L":
        # Grey of another gamma is not worth a profile: none of it is lost.
        return None
    with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    return None


def _alpha(picture: Image.Image) -> Image.Image | None:
    """What is to be seen of each point; None where everything is."""
    if not picture.has_transparency_data:
        return None
    alpha = picture.convert("RGBA").getchannel("A")
    return None if alpha.getextrema() == (_BYTE, _BYTE) else alpha


def _without_alpha(picture: Image.Image) -> Image.Image:
    info = picture.info
    if picture.mode in ("RGBA", "RGBa", "LA", "La", "PA", "P", "RGBX"):
        is_grey = picture.mode in ("LA", "La")
        straight = picture.convert("RGBA") if picture.mode != "RGBX" else picture
        picture = straight.convert("L" if is_grey else "RGB")
        picture.info = {"icc_profile": info.get("icc_profile")}
    return picture


def _shorten_transparency(picture: Image.Image) -> None:
    """The colour that is meant to be clear, where it was told in 16 bits."""
    clear = picture.info.get("transparency")
    if isinstance(clear, tuple) and max(clear) > _BYTE:
        picture.info["transparency"] = tuple(tone >> 8 for tone in clear)


def _from_words(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits: the upper byte is the tone."""
    raw = picture.tobytes()
    is_big = picture.mode == "I;16B"
    high, low = (
        Image.frombytes("L", picture.size, raw[start::2])
        for start in ((0, 1) if is_big else (1, 0))
    )
    clear = picture.info.get("transparency")
    if not isinstance(clear, int) or not 0 <= clear <= _WORD:
        return high
    hidden = ImageChops.multiply(_equal(high, clear >> 8), _equal(low, clear & _BYTE))
    high.paste(_BYTE, mask=hidden)
    return high


def _equal(tones: Image.Image, tone: int) -> Image.Image:
    return tones.point([_BYTE if each == tone else 0 for each in range(_BYTE + 1)])


def _from_numbers(picture: Image.Image) -> Image.Image:
    """Grey in whole numbers or fractions, which say nowhere what white is."""
    low, high = (float(_number(each)) for each in picture.getextrema())
    top = next((most for most in (1.0, _BYTE, _WORD) if high <= most), high)
    if picture.mode == "I" and high <= 1:
        top = _WORD
    floor = min(low, 0.0)
    scale = _BYTE / ((top - floor) or 1.0)
    return (
        picture.convert("F")
        .point(lambda tone: tone * scale - floor * scale)
        .convert("L")
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
