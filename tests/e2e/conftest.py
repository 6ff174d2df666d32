"""A headless Chromium on a live server, with a worker that does what is pressed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connections
from playwright.sync_api import Page, sync_playwright

from tests.e2e.barriers import OF_COLOURS, refuse_barriers
from tests.support.browser import HEADLESS, find_chromium
from tests.support.worker import running_worker

SHAPES = {"1280": (1280, 900), "390": (390, 844)}
PASSWORD = "a sandbox password"
CHECKED = {("1280", "light"), ("390", "dark")}
_SET_THEME = "dark => document.documentElement.classList.toggle('dark', dark)"
# Colours that fade would be judged half-way; what turns for ever is not waited for.
_SETTLE = """async () => {
    for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
    const ended = document.getAnimations().map((one) => one.finished.catch(() => 0));
    const longest = new Promise((done) => setTimeout(done, 400));
    await Promise.race([Promise.all(ended), longest]);
}"""


@pytest.fixture(scope="package")
def browser():
    """One for all tests of a process: starting it costs more than most of them."""
    chromium = find_chromium()
    if chromium is None:
        pytest.fail("No Chromium was found. Install one or name it in CHROMIUM.")
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        # Playwright keeps an event loop running in this thread, which Django takes for
        # asynchronous code; the tests only read the database between two clicks.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium, args=HEADLESS)
        yield browser
        browser.close()


@pytest.fixture
def page(live_server, browser):
    """In a session of its own, so that no test is logged in by another."""
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 1280, "height": 900}
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield page
    context.close()
    # The loop gives the test's queries a connection of their own.
    connections.close_all()


@pytest.fixture
def worker(live_server):
    # What a test holds up while it looks at a page is no fault of the other side.
    with running_worker(HTTP_TIMEOUT="40", LEASE_SECONDS="90"):
        yield


@pytest.fixture
def administrator(live_server):
    return User.objects.create_superuser("admin", password=PASSWORD)


@pytest.fixture
def show():
    """Looks at a page as axe does, wide and light, narrow and dark: nothing serious may
    be in the way of those who listen or use the keyboard. Takes pictures of it into
    SCREENSHOTS, if that names a folder."""
    folder = os.environ.get("SCREENSHOTS")

    def look(page: Page, name: str) -> None:
        # A click ends once the next page has begun: it may have no document yet.
        page.wait_for_load_state("load")
        for width, (wide, high) in SHAPES.items():
            page.set_viewport_size({"width": wide, "height": high})
            for theme in ("light", "dark"):
                is_checked = (width, theme) in CHECKED
                if not (folder or is_checked):
                    continue
                page.evaluate(_SET_THEME, theme == "dark")
                page.evaluate(_SETTLE)
                if folder:
                    path = Path(folder) / f"{name}-{width}-{theme}.png"
                    page.screenshot(path=path, full_page=True)
                if is_checked:
                    rules = OF_COLOURS if theme == "dark" else None
                    refuse_barriers(page, f"{name} at {width}, {theme}", rules)
        page.set_viewport_size({"width": 1280, "height": 900})
        page.evaluate(_SET_THEME, False)

    return look


def log_in(page: Page, name: str) -> None:
    page.goto("/admin/")
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/")
