"""Receipts a second through a child, and what the whole of it holds in memory."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from sync.receipts import ReceiptFile
from sync.workshop import pool

LIMIT = 10 * 1024 * 1024


def receipts() -> list[dict]:
    """Each case for some seconds; copying the same bytes is what it is held against."""
    cases = {
        "1 JPEG of 200 KB": [_jpeg(200_000)],
        "3 JPEGs of 3 MB": [_jpeg(3_000_000)] * 3,
        "a PDF of 10 pages": [_pdf(10)],
        "1 JPEG of 10 MB": [_jpeg(10_000_000)],
        "1 JPEG of 14 MB, shrunk": [_jpeg(14_000_000)],
    }
    return [_figures(name, contents) for name, contents in cases.items()]


def _figures(name: str, contents: list[bytes]) -> dict:
    files = [ReceiptFile(str(n), each) for n, each in enumerate(contents, 1)]
    pool.assemble(files, stem="PEX-1", limit=LIMIT)
    one, peak = _rate(files, 1)
    two, both = _rate(files, 16)
    started, copies = time.perf_counter(), 200
    for _ in range(copies):
        for each in contents:
            bytearray(each)
    copying = copies / (time.perf_counter() - started)
    return {
        "purchase": f"{name:<24}",
        "per_second": round(one, 1),
        "per_second_16_lanes": round(two, 1),
        "children_peak_mb": round(max(peak, both)),
        "copies_per_second": round(copying),
    }


def _rate(files: list[ReceiptFile], lanes: int) -> tuple[float, float]:
    peak, done, deadline = 0.0, 0, time.perf_counter() + 4
    started = time.perf_counter()

    def lane(_: int) -> tuple[int, float]:
        count, most = 0, 0.0
        while time.perf_counter() < deadline:
            pool.assemble(files, stem="PEX-1", limit=LIMIT)
            count += 1
            most = max(most, _children_memory())
        return count, most

    with ThreadPoolExecutor(lanes) as threads:
        for count, most in threads.map(lane, range(lanes)):
            done, peak = done + count, max(peak, most)
    return done / (time.perf_counter() - started), peak


def _children_memory() -> float:
    """The most that any child now alive ever held."""
    most = 0
    for child in psutil.Process().children():
        try:
            with open(f"/proc/{child.pid}/status") as status:
                lines = [line for line in status if line.startswith("VmHWM")]
        except OSError:
            continue
        most = max([most, *(int(line.split()[1]) for line in lines)])
    return most / 1024


def _jpeg(size: int) -> bytes:
    """A photograph of about that size: as noisy as cameras are."""
    side = int((size * 2.2) ** 0.5)
    noise = Image.effect_noise((side, int(side * 4 / 3)), 40).convert("RGB")
    buffer = io.BytesIO()
    for quality in range(96, 20, -2):
        buffer = io.BytesIO()
        noise.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= size * 1.05:
            break
    return buffer.getvalue()


def _pdf(pages: int) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    picture = ImageReader(io.BytesIO(_jpeg(100_000)))
    for number in range(pages):
        canvas.drawString(72, 800, f"Page {number}")
        canvas.drawImage(picture, 72, 72, 400, 500)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()
