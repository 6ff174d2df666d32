"""Draws receipts as files that open: PDF, PNG and JPEG. Who has which is left to
`seed`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfgen.canvas import Canvas

PDF, PNG, JPEG = "pdf", "png", "jpeg"
FORMATS = (PDF, PNG, JPEG)
LABELS = {PDF: "Pdf", PNG: "Image", JPEG: "Image"}
MOST_LINES = 4
Line = tuple[str, str]


@dataclass(frozen=True)
class Slip:
    """What is printed on one receipt."""

    merchant: str
    at: datetime
    total: Decimal
    items: tuple[str, ...]
    number: int
    copy: int = 0

    def lines(self) -> list[Line]:
        """What stands on the left and on the right of each line."""
        return [
            (self.merchant[:32], ""),
            (f"{self.at:%m/%d/%Y %H:%M}   #{self.number}-{self.copy}", ""),
            ("", ""),
            *((name, f"{price:.2f}") for name, price in self._prices()),
            ("TOTAL USD", f"{self.total:.2f}"),
            ("PAID BY CARD", ""),
        ]

    def _prices(self) -> list[tuple[str, Decimal]]:
        chance = random.Random(self.number)
        names = chance.sample(self.items, min(len(self.items), MOST_LINES))
        rest, prices = self.total, []
        for left in range(len(names), 1, -1):
            part = rest * Decimal(chance.randint(30, 90)) / 100 / left
            price = part.quantize(Decimal("0.01"))
            prices.append(price)
            rest -= price
        return list(zip(names, [*prices, rest], strict=True))


def draw(form: str, slip: Slip) -> bytes:
    return DRAWERS[form](slip.lines())


def _draw_pdf(lines: list[Line]) -> bytes:
    file = BytesIO()
    canvas = Canvas(file, pagesize=(226, 60 + 14 * len(lines)), invariant=1)
    canvas.setTitle("Receipt")
    canvas.setFont("Courier", 9)
    for row, (left, right) in enumerate(lines):
        height = 30 + 14 * (len(lines) - row)
        canvas.drawString(18, height, left)
        canvas.drawRightString(208, height, right)
    canvas.save()
    return file.getvalue()


def _picture(lines: list[Line], mode: str, paper: int) -> Image.Image:
    image = Image.new("L", (300, 60 + 22 * len(lines)), paper)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(15)
    for row, (left, right) in enumerate(lines):
        pen.text((20, 25 + 22 * row), left, fill=25, font=font)
        pen.text((280, 25 + 22 * row), right, fill=25, font=font, anchor="ra")
    return image.convert(mode)


def _draw_png(lines: list[Line]) -> bytes:
    file = BytesIO()
    _picture(lines, "L", 255).save(file, "PNG", compress_level=6)
    return file.getvalue()


def _draw_jpeg(lines: list[Line]) -> bytes:
    file = BytesIO()
    _picture(lines, "RGB", 238).save(file, "JPEG", quality=70)
    return file.getvalue()


DRAWERS: dict[str, Callable[[list[Line]], bytes]] = {
    PDF: _draw_pdf,
    PNG: _draw_png,
    JPEG: _draw_jpeg,
}
