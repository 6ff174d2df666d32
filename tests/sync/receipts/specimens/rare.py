"""Pictures in colours and depths that few programs write, and damaged ones that every
viewer still shows. All show the corpus's slip.

`RARE` and `TORN` say of each what readers make of it that take no care.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from tests.sync.receipts.corpus import SIZE, png, saved, slip

_LONG = 4


def cmyk_profile(size: int = 0) -> bytes:
    """A profile of inks, of so many bytes at least, in which cyan and yellow have
    changed places: who passes over it sees other colours."""
    nodes = bytearray()
    lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    for number in range(16):
        cyan, magenta, yellow, black = (number >> bit & 1 for bit in (3, 2, 1, 0))
        paper = 1 - black
        rgb = tuple(255 * (1 - ink) * paper for ink in (yellow, magenta, cyan))
        point: Any = ImageCms.applyTransform(Image.new("RGB", (1, 1), rgb), lab)
        nodes += bytes(point.getpixel((0, 0)))
    straight = bytes(range(256))
    unit = struct.pack(">9i", *(65536, 0, 0, 0, 65536, 0, 0, 0, 65536))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit + straight * 4 + nodes
    lut += straight * 3
    parts = {
        b"A2B0": lut,
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"inks\0" + bytes(79),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
        b"pad ": b"data" + bytes(max(0, size)),
    }
    at, table, body = 128 + 4 + 12 * len(parts), b"", b""
    for name, content in parts.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content
    table = struct.pack(">I", len(parts)) + table
    head = bytearray(128)
    head[:4] = struct.pack(">I", 128 + len(table) + len(body))
    head[8:12], head[12:24] = b"\x02\x20\0\0", b"prtrCMYKLab "
    head[36:40] = b"acsp"
    head[68:80] = struct.pack(">3i", 63190, 65536, 54061)
    return bytes(head) + table + body


def inked(size: int = 0) -> bytes:
    """A JPEG in the inks of that profile."""
    cyan, magenta, yellow, black = slip().convert("CMYK").split()
    swapped = Image.merge("CMYK", (yellow, magenta, cyan, black))
    return saved(swapped, "JPEG", quality=90, icc_profile=cmyk_profile(size))


def _xmp(way: int) -> bytes:
    return (
        b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
        b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:tiff='
        b'"http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/></rdf:RDF>'
        b'</x:xmpmeta><?xpacket end="w"?>' % way
    )


def _xmp_png() -> bytes:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", _xmp(6).decode())
    return saved(slip(), "PNG", pnginfo=info)


def tiff(
    strips: list[bytes], *, order: str = "<", compression: int = 1, **tags: Any
) -> bytes:
    """A TIFF written by hand, one strip after the other."""
    if compression == 8:
        strips = [zlib.compress(strip) for strip in strips]
    places, body = [], b""
    for strip in strips:
        places.append(8 + len(body))
        body += strip + bytes(len(strip) % 2)
    height = tags.pop("height", SIZE[1])
    entries = {
        256: [SIZE[0]],
        257: [height],
        259: [compression],
        273: places,
        278: [height],
        279: [len(strip) for strip in strips],
        **{int(name[1:]): value for name, value in tags.items()},
    }
    start = 8 + len(body)
    after = start + 2 + 12 * len(entries) + 4
    directory, values = struct.pack(f"{order}H", len(entries)), b""
    for tag, numbers in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        kind, count = (5, len(numbers) // 2) if tag in (282, 283) else (4, len(numbers))
        if len(packed) > _LONG:
            place = struct.pack(f"{order}I", after + len(values))
            values += packed
            packed = place
        directory += struct.pack(f"{order}HHI", tag, kind, count) + packed
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}I", start)
    return head + body + directory + bytes(4) + values


def _words(channel: Image.Image, order: str = "<") -> bytes:
    """Tones of 8 bits in 16, the lower byte being noise."""
    noise = bytes((each * 7) & 0xFF for each in range(channel.width * channel.height))
    pairs = zip(noise, channel.tobytes(), strict=True)
    return b"".join(
        bytes((low, high) if order == "<" else (high, low)) for low, high in pairs
    )


def planar(order: str = "<", compression: int = 1) -> bytes:
    planes = [_words(channel, order) for channel in slip().split()]
    return tiff(
        planes,
        order=order,
        compression=compression,
        t258=[16, 16, 16],
        t262=[2],
        t277=[3],
        t284=[2],
    )


def _white_is_zero() -> bytes:
    grey = slip().convert("L").point(lambda tone: 255 - tone)
    return tiff([_words(grey)], t258=[16], t262=[0], t277=[1])


def _small_map() -> bytes:
    picture = slip().quantize(64)
    colours = (picture.getpalette() or [])[: 64 * 3] + [0] * (192 * 3)
    by_channel = [colours[place::3] for place in range(3)]
    return tiff(
        [picture.tobytes()],
        t258=[8],
        t262=[3],
        t277=[1],
        t320=[tone for channel in by_channel for tone in channel],
    )


def fax(across: int = 204, down: int = 98) -> bytes:
    """As fax machines scan: many points across, few down."""
    height = round(SIZE[1] * down / across)
    grey = slip().convert("L").resize((SIZE[0], height), Image.Resampling.BICUBIC)
    return tiff(
        [grey.tobytes()],
        height=height,
        t258=[8],
        t262=[1],
        t277=[1],
        t282=[across, 1],
        t283=[down, 1],
        t296=[2],
    )


def _clear_words() -> bytes:
    """Grey in 16 bits, the paper's own tone being clear and black as it is stored."""
    grey = slip().convert("L")
    raw = bytearray()
    for row in range(SIZE[1]):
        raw += b"\x00"
        for tone in grey.crop((0, row, SIZE[0], row + 1)).tobytes():
            raw += b"\x00\x01" if tone > 240 else bytes((tone, tone))
    return png(SIZE, bytes(raw), depth=16, clear=1)


RARE = {
    "jpeg inks": (inked, "passed over, the profile leaves cyan where yellow is meant"),
    "jpeg large profile": (lambda: inked(150_000), "a profile larger than the picture"),
    "jpeg strange profile": (
        lambda: saved(slip(), "JPEG", icc_profile=cmyk_profile()),
        "negative, or not to be opened",
    ),
    "png strange profile": (
        lambda: saved(slip(), "PNG", icc_profile=cmyk_profile()),
        "negative, or not to be opened",
    ),
    "jpeg broken profile": (
        lambda: saved(slip().convert("CMYK"), "JPEG", icc_profile=b"none" * 99),
        "an error",
    ),
    "png 16 bit clear": (_clear_words, "a white page"),
    "tiff small colour map": (_small_map, "a black page"),
    "tiff planes": (planar, "noise"),
    "tiff planes packed": (lambda: planar(compression=8), "noise"),
    "tiff planes from above": (lambda: planar(">"), "noise"),
    "tiff white is zero": (_white_is_zero, "a negative"),
    "tiff fax": (fax, "squashed"),
    "tiff fax lying": (lambda: fax(98, 204), "squashed"),
    "tiff xmp": (lambda: saved(slip(), "TIFF", tiffinfo={700: _xmp(6)}), "turned"),
    "jpeg xmp": (lambda: saved(slip(), "JPEG", xmp=_xmp(6)), "turned"),
    "png xmp": (_xmp_png, "turned"),
    "webp xmp": (lambda: saved(slip(), "WEBP", xmp=_xmp(6), quality=90), "turned"),
}


def _stray() -> bytes:
    content = saved(slip(), "JPEG")
    at = content.index(b"\xff\xdb")
    return content[:at] + b"\x00\x12stray\x00" + content[at:]


def _wrong_sum() -> bytes:
    content = bytearray(saved(slip(), "PNG"))
    at = content.index(b"IDAT") - 4
    end = at + 8 + struct.unpack_from(">I", content, at)[0]
    content[end] ^= 0xFF
    return bytes(content)


def _cut(kind: str, left: float, **options: Any) -> bytes:
    content = saved(slip(), kind, **options)
    return content[: int(len(content) * left)]


def _broken_exif() -> bytes:
    return saved(slip(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")


def _second_page_gone() -> bytes:
    buffer = io.BytesIO()
    slip().save(
        buffer, "TIFF", save_all=True, append_images=[slip("b")], compression="tiff_lzw"
    )
    content = bytearray(buffer.getvalue())
    with Image.open(io.BytesIO(content)) as picture:
        picture.seek(1)
        tags: Any = getattr(picture, "tag_v2")  # noqa: B009 - of TIFF only
        first, size = tags[273][0], sum(tags[279])
    content[first : first + size] = b"\xff" * size
    return bytes(content)


TORN = {
    "jpeg without its last bytes": (lambda: _cut("JPEG", 0.985), "damaged"),
    "jpeg without an end": (lambda: saved(slip(), "JPEG")[:-2], "damaged"),
    "jpeg in scans, cut": (lambda: _cut("JPEG", 0.9, progressive=True), "damaged"),
    "jpeg with stray bytes": (_stray, ""),
    "jpeg with broken exif": (_broken_exif, ""),
    "png with a wrong sum": (_wrong_sum, ""),
    "png without an end": (lambda: saved(slip(), "PNG")[:-12], ""),
    "bmp without its last bytes": (
        lambda: saved(slip().convert("L"), "BMP")[:-2000],
        "damaged",
    ),
    "tiff of two pages, one gone": (
        _second_page_gone,
        "page 2 of its 2 cannot be read",
    ),
}
