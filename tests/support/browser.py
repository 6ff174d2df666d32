"""Where a Chromium is, for browser tests and the pictures of the documentation."""

from __future__ import annotations

import os
import shutil

HEADLESS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """`CHROMIUM`, or one on the path."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = (shutil.which(name) for name in names)
    return os.environ.get("CHROMIUM") or next(filter(None, found), None)
