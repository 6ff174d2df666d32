"""Answers to reading ADF collections and items: envelope, headers, links.

Who may read, and which trouble is on, is decided before.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from werkzeug import Request, Response

from tests.simulators.cmic.books import Books
from tests.simulators.cmic.reading.query import (
    Page,
    Row,
    cut_page,
    order_rows,
    parse_q,
    pick_fields,
)
from tests.simulators.cmic.reading.resources import Resource
from tests.simulators.exact_json import to_json

COLLECTION_TYPE = "application/vnd.oracle.adf.resourcecollection+json"
ITEM_TYPE = "application/vnd.oracle.adf.resourceitem+json"


@dataclass(frozen=True)
class Paging:
    """What is wrong with the pages that a server gives: at most so many rows each, or
    only the first of the list, or no word of more."""

    most_rows: int | None = None
    rows_known: int | None = None
    hides_more: bool = False
    ignores_offset: bool = False

    def arguments(self, args: Mapping[str, str]) -> dict[str, str]:
        asked = dict(args)
        if self.most_rows is not None:
            asked["limit"] = str(self.most_rows)
        if self.ignores_offset:
            asked["offset"] = "0"
        return asked


class Listings:
    """The lists that were asked for last, so that each page of one costs a page."""

    _MOST = 4

    def __init__(self) -> None:
        self._kept: dict[Hashable, list[Row]] = {}
        self._lock = threading.Lock()

    def find(self, key: Hashable, choose: Callable[[], list[Row]]) -> list[Row]:
        with self._lock:
            if key not in self._kept:
                rows = choose()
                while len(self._kept) >= self._MOST:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[key] = rows
            return self._kept[key]


def collection_response(
    request: Request,
    resource: Resource,
    books: Books,
    listings: Listings,
    *,
    is_filtered: bool,
    turned_by: int,
    paging: Paging,
) -> Response:
    """One page; raises RefusalError for parameters that cannot be applied.

    `turned_by` rotates the rows of a request that asks for no order.
    """

    def choose() -> list[Row]:
        return _chosen(request.args, resource, books, is_filtered, turned_by)

    if resource.is_reference:
        asked = [request.args.get(name) for name in ("finder", "q", "orderBy")]
        key = (resource.path, books.codes_state, is_filtered, turned_by, *asked)
        rows = listings.find(key, choose)
    else:
        rows = choose()
    page = cut_page(rows[: paging.rows_known], paging.arguments(request.args))
    address = _address(request, resource)
    body: dict[str, Any] = {
        "items": _items(request.args, resource, page, address),
        "count": len(page.rows),
        "hasMore": page.has_more and not paging.hides_more,
        "limit": page.limit,
        "offset": page.offset,
        "links": [_link("self", address, resource.name, "collection")],
    }
    if request.args.get("totalResults") == "true":
        body["totalResults"] = page.total
    return _adf_response(body, COLLECTION_TYPE, address, resource.name, "collection")


def item_response(
    request: Request, resource: Resource, books: Books, key: str
) -> Response:
    address = _address(request, resource)
    for row in resource.rows(books):
        if str(row[resource.key]) == key:
            page = Page([row], 1, 0, 1)
            item = _items(request.args, resource, page, address)[0]
            href = f"{address}/{key}"
            return _adf_response(item, ITEM_TYPE, href, resource.name, "item")
    return Response("", 404)


def _chosen(
    args: Mapping[str, str],
    resource: Resource,
    books: Books,
    is_filtered: bool,
    turned_by: int,
) -> list[Row]:
    rows = resource.rows(books)
    conditions = []
    if "finder" in args:
        conditions.append(resource.find(args["finder"]))
    if args.get("q"):
        conditions.append(parse_q(args["q"], resource.attributes))
    if is_filtered:
        rows = [row for row in rows if all(holds(row) for holds in conditions)]
    if "orderBy" in args:
        return order_rows(
            rows,
            args["orderBy"],
            has_default=resource.has_default_order,
            attributes=resource.attributes,
        )
    turn = turned_by % len(rows) if rows else 0
    return rows[turn:] + rows[:turn]


def _items(
    args: Mapping[str, str], resource: Resource, page: Page, address: str
) -> list[dict[str, Any]]:
    fields = pick_fields(args.get("fields", ""), resource.attributes)
    return [
        {name: _shown(row[name]) for name in fields or row}
        | {"links": _item_links(f"{address}/{row[resource.key]}", resource)}
        for row in page.rows
    ]


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value


def _address(request: Request, resource: Resource) -> str:
    """The address CMiC believes it has: not the scheme and port it is reached at."""
    host = request.host.partition(":")[0]
    base, _, _ = request.path.partition(resource.path)
    return f"http://{host}:80{base}{resource.path}"


def _item_links(href: str, resource: Resource) -> list[dict[str, str]]:
    links = [
        _link("self", href, resource.name, "item"),
        _link("canonical", href, resource.name, "item"),
    ]
    if resource.child:
        child = f"{href}/child/{resource.child}"
        links.append(_link("child", child, resource.child, "collection"))
    return links


def _link(rel: str, href: str, name: str, kind: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "name": name, "kind": kind}


def _adf_response(
    body: dict[str, Any], content_type: str, address: str, name: str, kind: str
) -> Response:
    headers = {
        "REST-Framework-Version": "2",
        "Cache-Control": "no-cache, no-store, must-revalidate",
        "X-ORACLE-DMS-ECID": f"{uuid.uuid4()}-000037a1",
        "X-ORACLE-DMS-RID": "0",
        "Link": f'<{address}>;rel="self";kind="{kind}";name="{name}"',
        "Location": "",
    }
    return Response(to_json(body), headers=headers, content_type=content_type)
