"""`make pictures`: the pages that README and docs show, as the demo has them.

Plays the demo and takes each page into `docs/pictures/`. Only dates, times and numbers
of runs differ from one time to the next.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.demo import trouble as troubled
from tests.demo.__main__ import SLUG, USER, Stage, play, say, staged
from tests.support.browser import HEADLESS, find_chromium
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from sync.models import PurchaseSync

FOLDER = ROOT / "docs" / "pictures"
WIDTH = 1280
MOST_BYTES = 150_000
# A page of text needs no more, and is a third of the size.
_COLOURS = 128
_LONGEST = 120  # seconds
_SET_THEME = "dark => document.documentElement.classList.toggle('dark', dark)"
_TO_THE_MIDDLE = "shown => shown.scrollIntoView({block: 'center'})"


@dataclass(frozen=True)
class Picture:
    """The upper `height` points of a page; once `opened` was clicked, those around
    `shown`, which comes by it."""

    name: str
    path: str
    height: int
    opened: str = ""
    shown: str = ""
    is_dark: bool = False


def main() -> int:
    chromium = find_chromium()
    if chromium is None:
        sys.exit(
            "Pictures need a Chromium: install one, or name its program in the "
            "variable CHROMIUM."
        )
    with staged() as stage:
        if play(stage):
            sys.exit("The demo did not end well, so no picture was taken.")
        pictures = _pictures()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=HEADLESS
            )
            page = browser.new_page(viewport={"width": WIDTH, "height": 900})
            _log_in(page, stage)
            _wait_for_scheduler(page, stage)
            FOLDER.mkdir(exist_ok=True)
            for picture in pictures:
                _take(page, stage, picture)
            browser.close()
    return 0


def _pictures() -> list[Picture]:
    from connector.models import Tenant
    from sync.models import Preview, PurchaseSync, SyncRun

    tenant = Tenant.objects.get(slug=SLUG)
    settings = f"connector/tenant/{tenant.pk}/change/"
    waiting = Tenant.objects.get(slug="delta")
    run = SyncRun.objects.filter(tenant=tenant).latest("pk")
    preview = Preview.objects.filter(tenant=tenant).latest("pk")
    asked = PurchaseSync.objects.filter(tenant__slug=troubled.SLUG, needs_person=True)
    lost = asked.get(status="posting")
    purchase = "sync/purchasesync/{}/change/"
    return [
        Picture("first-page", "", 1270),
        Picture("first-page-dark", "", 1270, is_dark=True),
        Picture("causes", "sync/purchasesync/causes/", 1160),
        Picture("connect", f"{settings}#general", 1420),
        Picture("mappings", f"{settings}#mappings", 1360),
        Picture("sync-tab", f"connector/tenant/{waiting.pk}/change/#sync", 900),
        Picture("preview", f"sync/preview/{preview.pk}/change/", 1000),
        Picture("run", f"sync/syncrun/{run.pk}/change/", 800),
        Picture("purchase", purchase.format(lost.pk), 1080),
        Picture(
            "receipts",
            purchase.format(_with_receipts(tenant.pk).pk),
            900,
            opened="Show the pages",
            shown=".connector-pages img",
        ),
    ]


def _with_receipts(tenant_id: int) -> PurchaseSync:
    """A purchase that went with two or more pages."""
    from sync.models import PurchaseSync

    rows = PurchaseSync.objects.filter(tenant=tenant_id, status="completed")
    return max(
        rows.order_by("pex_transaction_id"),
        key=lambda row: min(len(row.document_pages), 3),
    )


def _log_in(page: Page, stage: Stage) -> None:
    page.goto(stage.admin)
    page.fill("#id_username", USER)
    page.fill("#id_password", stage.password)
    page.click("button[type=submit]")
    page.wait_for_url(stage.admin)


def _wait_for_scheduler(page: Page, stage: Stage) -> None:
    """Its first round is a minute after its start; until then the first page warns."""
    deadline = time.monotonic() + _LONGEST
    while not page.get_by_text("Scheduler alive").count():
        if time.monotonic() > deadline:
            sys.exit("Worker and scheduler gave no sign of life on the first page.")
        time.sleep(1)
        page.goto(stage.admin)


def _take(page: Page, stage: Stage, picture: Picture) -> None:
    # Without leaving the page first, another anchor alone would load nothing.
    page.goto("about:blank")
    page.goto(f"{stage.admin}{picture.path}", wait_until="networkidle")
    page.set_viewport_size({"width": WIDTH, "height": picture.height})
    page.evaluate(_SET_THEME, picture.is_dark)
    if picture.opened:
        page.get_by_text(picture.opened).first.click()
        page.locator(picture.shown).last.wait_for()
        page.locator(picture.shown).last.evaluate(_TO_THE_MIDDLE)
    file = FOLDER / f"{picture.name}.png"
    size = _save(page.screenshot(animations="disabled"), file)
    say(f"{file.relative_to(ROOT)}  {size:,} bytes")
    if size > MOST_BYTES:
        sys.exit(f"{file.name} has more than {MOST_BYTES:,} bytes.")


def _save(content: bytes, file: Path) -> int:
    """As a PNG of few colours; its size."""
    with Image.open(BytesIO(content)) as picture:
        few = picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        few.save(file, optimize=True)
    return file.stat().st_size


if __name__ == "__main__":
    # Playwright keeps an event loop in this thread, which Django takes for
    # asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    sys.exit(main())
