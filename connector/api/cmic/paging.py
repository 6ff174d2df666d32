"""How a list of CMiC's is read page by page to its end, and what a page must look like.

Which list, and what its rows mean, is the client's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from connector.api.exceptions import (
    ListMovedError,
    RateLimitError,
    UnexpectedResponseError,
)

PAGE_SIZE = 1000  # above it CMiC answers 400 (§1.4)
MOST_ROWS = 2_000_000
_LONGEST_SLEEP = 2.0  # seconds
_MOST_READINGS = 3

Row = Mapping[str, Any]
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Page:
    """`items` as CMiC gave them; those that are no objects are no rows.

    `may_go_on` is also true of a full page that is said to be the last one: releases
    are known that say so of every page.
    """

    items: list[Any]
    has_more: bool
    may_go_on: bool


def parse_page(data: Any, limit: int, path: str, base_url: str) -> Page:
    """Raises `UnexpectedResponseError` if it is no page."""
    items = data.get("items") if isinstance(data, Mapping) else None
    if not isinstance(items, list):
        raise UnexpectedResponseError(
            f"{base_url} answered {path} without a list of items; "
            "it may not be a CMiC address.",
            system="CMiC",
        )
    has_more = data.get("hasMore") is True
    is_full = bool(items) and len(items) >= _largest(data.get("limit"), limit)
    return Page(items, has_more, has_more or is_full)


def _largest(told: Any, asked: int) -> int:
    """CMiC may give fewer rows a page than were asked for, and tells how many."""
    is_told = isinstance(told, int) and not isinstance(told, bool) and told > 0
    return min(told, asked) if is_told else asked


def iter_pages(
    ask: Callable[[int], Page],
    path: str,
    identify: Callable[[Row], Hashable],
    *,
    patience: float = 0.0,
) -> Iterator[list[Row]]:
    """The rows of each page; `ask` gives the one at an offset (§1.4).

    Each page is asked for from the last row of the one before, which must be there
    again: so none before it was put in or taken out meanwhile, and none is missed.
    `identify` tells rows apart, whatever else CMiC changes of them.

    A page that the limits of calls hold up is asked for again for `patience` seconds.
    Raises `ListMovedError` and the other errors of `connector.api.exceptions`.
    """
    page = _ask_patiently(ask, 0, patience)
    yield _rows(page.items)
    offset = 0
    while page.may_go_on:
        if not page.items:
            raise UnexpectedResponseError(
                f"CMiC's list {path} has more, but an empty page.", system="CMiC"
            )
        last = page.items[-1]
        offset += len(page.items) - 1
        if offset >= MOST_ROWS:
            raise UnexpectedResponseError(
                f"CMiC's list {path} does not end.", system="CMiC"
            )
        page = _ask_patiently(ask, offset, patience)
        if not page.items or not _is_same(page.items[0], last, identify):
            raise ListMovedError(
                f"CMiC's list {path} changed while it was read.", system="CMiC"
            )
        if len(page.items) == 1:
            if page.has_more:
                raise UnexpectedResponseError(
                    f"CMiC's list {path} has more, but gives no more.", system="CMiC"
                )
            return
        yield _rows(page.items[1:])


def read_at_rest(read: Callable[[], _Found]) -> _Found:
    """What `read` returns once its list held still from the first page to the last.

    Raises `ListMovedError` if it never did, and whatever else `read` raises.
    """
    for _ in range(_MOST_READINGS - 1):
        with suppress(ListMovedError):
            return read()
    return read()


def _rows(items: list[Any]) -> list[Row]:
    return [item for item in items if isinstance(item, Mapping)]


def _is_same(item: Any, other: Any, identify: Callable[[Row], Hashable]) -> bool:
    if isinstance(item, Mapping) and isinstance(other, Mapping):
        return identify(item) == identify(other)
    return bool(item == other)


def _ask_patiently(ask: Callable[[int], Page], offset: int, patience: float) -> Page:
    deadline = time.monotonic() + patience
    while True:
        try:
            return ask(offset)
        except RateLimitError as error:
            pause = min(error.retry_after or 1.0, _LONGEST_SLEEP)
            if time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
