"""The documentation names only what exists, and the README stays short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
PICTURES = ROOT / "docs" / "pictures"
LONGEST_README = 120
APPS = ("audit", "config", "connector", "logins", "sync")
FOLDERS = (".ci", *APPS, "docs", "templates", "tests")
# Made when something runs, and in no checkout.
MADE = ("var/", ".venv/", "bench.json")

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"\.?\w[\w.-]*(/[\w.-]+)*/?")
_FILE_NAME = re.compile(r"[\w-]+\.(py|md|html|js|css|json|toml|lock|yaml)")
_MODULE = re.compile(rf"({'|'.join(APPS)}|tests)(\.\w+)+")


def words(page: Path) -> Iterator[str]:
    """Each word in backticks, outside of blocks of code."""
    for code in _CODE.findall(_FENCED.sub("", page.read_text())):
        yield from re.split(r"[\s=,;]+", code)


def is_missing(word: str) -> bool:
    """Whether it looks like a path or a module of the project, and is none."""
    if _MODULE.fullmatch(word) and not _FILE_NAME.fullmatch(word):
        return not is_module(word)
    is_path = "/" in word or _FILE_NAME.fullmatch(word)
    if not is_path or not _PATH.fullmatch(word) or word.startswith(MADE):
        return False
    return word.rstrip("/") not in known_paths()


@cache
def known_paths() -> set[str]:
    """Every file and folder, also without the first of the folders that it is in."""
    found = [each for each in ROOT.iterdir() if each.name not in FOLDERS]
    for name in FOLDERS:
        found += [ROOT / name, *(ROOT / name).rglob("*")]
    parts = [each.relative_to(ROOT).parts for each in found]
    return {"/".join(each[first:]) for each in parts for first in range(len(each))}


def is_module(name: str) -> bool:
    """A module, or at most two names below one."""
    parts = name.split(".")
    return any(
        (path := ROOT.joinpath(*parts[:last])).is_dir()
        or path.with_suffix(".py").exists()
        for last in range(max(2, len(parts) - 2), len(parts) + 1)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_path_that_is_named_exists(page):
    assert sorted({word for word in words(page) if is_missing(word)}) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_something(page):
    targets = (link.partition("#")[0] for link in _LINK.findall(page.read_text()))
    missing = [
        target
        for target in targets
        if target and "://" not in target and not (page.parent / target).exists()
    ]
    assert missing == []


def test_a_path_that_is_gone_is_found():
    gone = ("sync/engine/gone.py", "gone.py", "docs/gone/", "sync.gone.name")
    assert [word for word in gone if not is_missing(word)] == []
    there = ("sync/engine/", "manage.py", "sync.rules.reasons", "run/lanes.py", "var/x")
    assert [word for word in there if is_missing(word)] == []


def test_every_picture_is_shown_somewhere():
    shown = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in _LINK.findall(page.read_text())
    }
    pictures = set(PICTURES.iterdir())
    assert pictures
    assert pictures - shown == set()


def test_the_readme_stays_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= LONGEST_README


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs/decisions").iterdir()), ids=lambda path: path.stem
)
def test_a_decision_has_a_number_a_date_and_a_status(path):
    number, heading = path.name[:3], path.read_text().splitlines()[:4]
    assert heading[0].startswith(f"# {number} ")
    assert re.fullmatch(r"- Date: \d{4}-\d\d-\d\d", heading[2])
    assert re.match(r"- Status: (accepted|replaced by \d{3})", heading[3])
