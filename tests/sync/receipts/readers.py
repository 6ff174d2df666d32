"""Documents as two readers show them: pdfium (Chrome and Edge), and poppler."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import pypdfium2
from PIL import Image, ImageChops

_SIZE = 400
_TILE = 12
# The greatest difference of a tone, out of 255, in any tile. A value in a form that is
# missing is above 60.
_ALIKE = 14


def find_poppler() -> str | None:
    return shutil.which("pdftoppm")


def in_pdfium(content: bytes) -> list[Image.Image]:
    """Each page, with what stands in form fields."""
    document = pypdfium2.PdfDocument(content)
    document.init_forms()
    try:
        return [_page(page) for page in document]
    finally:
        document.close()


def _page(page: pypdfium2.PdfPage) -> Image.Image:
    scale = _SIZE / max(page.get_size())
    shown = page.render(scale=scale, may_draw_forms=True).to_pil().convert("RGB")
    page.close()
    return shown


def in_poppler(content: bytes) -> list[Image.Image]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source.pdf")
        source.write_bytes(content)
        subprocess.run(
            ["pdftoppm", "-scale-to", str(_SIZE), source, Path(folder, "page")],
            check=True,
            capture_output=True,
        )
        pages = sorted(Path(folder).glob("page*.ppm"))
        return [Image.open(io.BytesIO(page.read_bytes())) for page in pages]


def unlike(shown: Image.Image, meant: Image.Image) -> int:
    """The greatest difference of a tone in any part; 255 for another size."""
    if abs(shown.width - meant.width) > 2 or abs(shown.height - meant.height) > 2:
        return 255
    apart = ImageChops.difference(shown.convert("RGB"), meant.resize(shown.size))
    tiles = max(1, shown.width // _TILE), max(1, shown.height // _TILE)
    small = apart.resize(tiles, Image.Resampling.BOX)
    return max(high for _, high in small.getextrema())


def are_alike(shown: list[Image.Image], meant: list[Image.Image]) -> bool:
    """Whether the pages are the same for who looks at them."""
    pairs = list(zip(shown, meant, strict=True))
    return all(unlike(one, other) <= _ALIKE for one, other in pairs)
