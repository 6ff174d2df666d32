"""How a list of CMiC's is read page by page to its end, and what a page must look like.

Which list, and what its rows mean, is the client's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connector.api.exceptions import RateLimitError, UnexpectedResponseError

PAGE_SIZE = 1000  # above it CMiC answers 400 (§1.4)
MOST_ROWS = 2_000_000
_LONGEST_SLEEP = 2.0  # seconds

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """`size` is how many items CMiC gave; those that are no objects are no rows."""

    rows: list[Row]
    size: int
    has_more: bool


def parse_page(data: Any, limit: int, path: str, base_url: str) -> Page:
    """Raises `UnexpectedResponseError` if it is no page or hides how it goes on.

    A full page that is silent about more is no last page: to take it for one would
    make everything after it look deleted.
    """
    items = data.get("items") if isinstance(data, Mapping) else None
    if not isinstance(items, list):
        raise UnexpectedResponseError(
            f"{base_url} answered {path} without a list of items; "
            "it may not be a CMiC address.",
            system="CMiC",
        )
    has_more = data.get("hasMore")
    if not isinstance(has_more, bool) and len(items) >= limit:
        raise UnexpectedResponseError(
            f"CMiC's list {path} does not say whether it has more.", system="CMiC"
        )
    rows = [item for item in items if isinstance(item, Mapping)]
    return Page(rows, len(items), has_more is True)


def iter_pages(
    ask: Callable[[int], Page], path: str, *, patience: float = 0.0
) -> Iterator[list[Row]]:
    """The rows of each page; `ask` gives the one at an offset (§1.4).

    A page that the limits of calls hold up is asked for again for `patience` seconds.
    Raises the errors of `connector.api.exceptions`.
    """
    offset = 0
    while offset < MOST_ROWS:
        page = _ask_patiently(ask, offset, patience)
        yield page.rows
        if not page.has_more:
            return
        if not page.size:
            raise UnexpectedResponseError(
                f"CMiC's list {path} has more, but an empty page.", system="CMiC"
            )
        offset += page.size
    raise UnexpectedResponseError(f"CMiC's list {path} does not end.", system="CMiC")


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
