"""Answers that list transactions: the Details family and the newer Transactions one."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from tests.simulators.exact_json import json_response, to_json
from tests.simulators.pex.answers.accounts import find_cardholder
from tests.simulators.pex.answers.asking import (
    Query,
    enum_name,
    open_window,
    path_number,
    required_window,
)
from tests.simulators.pex.answers.errors import invalid, no_transaction
from tests.simulators.pex.answers.wire import (
    details_row,
    eastern,
    plain_approval,
    purchase_row,
)
from tests.simulators.pex.entities import (
    BILL_PAY,
    DISPUTE,
    PURCHASE,
    REFUND,
    Transaction,
)
from tests.simulators.pex.trouble import request_keys

if TYPE_CHECKING:
    from tests.simulators.pex.app import PexSimulator

PURCHASE_KINDS = {PURCHASE, REFUND, DISPUTE}
LARGEST_PAGE = 1000
SORTS: dict[str, Callable[[Transaction], Any]] = {
    "transactiontime": lambda row: row.moment,
    "amount": lambda row: row.amount,
    "description": lambda row: row.merchant.name if row.merchant else "",
}
SORT_NAMES = {
    "transactiontime": "TransactionTime",
    "amount": "Amount",
    "description": "Description",
}


def all_transactions(sim: PexSimulator, request: Request) -> Response:
    sim.holds.reach("listing")
    return _details(sim, request, _in_details_window(sim, request))


def account_transactions(sim: PexSimulator, request: Request, account: str) -> Response:
    sim.holds.reach("listing")
    number = find_cardholder(sim, account).account_id
    rows = _in_details_window(sim, request)
    mine = [row for row in rows if row.cardholder.account_id == number]
    return _details(sim, request, mine)


def count_transactions(sim: PexSimulator, request: Request) -> Response:
    return json_response(len(_in_details_window(sim, request)))


def _in_details_window(sim: PexSimulator, request: Request) -> list[Transaction]:
    query = Query(request)
    start, end = required_window(query, sim.books.today())
    has_pendings = query.is_true("IncludePendings")
    has_declines = query.is_true("IncludeDeclines")
    has_bill_pay = query.is_true("IncludeVendorBillPay", default=True)
    asked = [
        row
        for row in sim.books.rows()
        if (has_pendings or not row.is_pending)
        and (has_declines or not row.is_declined)
        and (has_bill_pay or row.kind != BILL_PAY)
    ]
    return sim.books.between(asked, start, end)


def _details(sim: PexSimulator, request: Request, rows: list[Transaction]) -> Response:
    """The rows, cut at the page size: the rest is asked for from the last time on."""
    page = rows[: sim.page_size]
    hide_after = sim.trouble.hide_notes_after(request_keys(request))
    pages = {
        "PageSize": sim.page_size,
        "TotalRecords": len(rows),
        "NumberOfPages": max(1, -(-len(rows) // sim.page_size)),
        "LastTimeRetrieved": eastern(page[-1].moment) if page else None,
    }
    # Row by row: 30,000 of them held at once keep the garbage collector busy.
    texts = ",\n".join(to_json(details_row(row, hide_after)) for row in page)
    text = f'{{"TransactionList": [{texts}], "Pages": {to_json(pages)}}}'
    return Response(text, mimetype="application/json")


def list_purchases(sim: PexSimulator, request: Request) -> Response:
    return _newer_list(sim, request, lambda row: row.kind in PURCHASE_KINDS)


def list_newer(sim: PexSimulator, request: Request) -> Response:
    return _newer_list(sim, request, lambda row: True)


def list_account_purchases(
    sim: PexSimulator, request: Request, account: str
) -> Response:
    number = find_cardholder(sim, account).account_id
    return _newer_list(
        sim,
        request,
        lambda row: row.kind in PURCHASE_KINDS and row.cardholder.account_id == number,
    )


def one_purchase(sim: PexSimulator, request: Request, transaction: str) -> Response:
    row = sim.books.find(path_number(transaction))
    if row.is_declined or row.kind not in PURCHASE_KINDS:
        raise no_transaction()
    return json_response(purchase_row(row))


def one_newer(sim: PexSimulator, request: Request, transaction: str) -> Response:
    return json_response(purchase_row(sim.books.find(path_number(transaction))))


def _newer_list(
    sim: PexSimulator, request: Request, is_asked: Callable[[Transaction], bool]
) -> Response:
    sim.holds.reach("listing")
    query = Query(request)
    rows = [row for row in _newer_rows(sim, query) if is_asked(row)]
    sort = enum_name(query.text("SortBy") or "TransactionTime", tuple(SORTS))
    order = enum_name(query.text("OrderBy") or "Desc", ("asc", "desc"))
    rows.sort(key=lambda row: (SORTS[sort](row), row.id), reverse=order == "desc")
    number, size = _page_asked(sim, query)
    wrong = sim.faults.take("total_wrong", *request_keys(request))
    if wrong is not None:
        size = min(size, wrong.get("page_size", size))
    page = rows[(number - 1) * size : number * size]
    hide_after = sim.trouble.hide_notes_after(request_keys(request))
    return json_response(
        {
            "Results": [purchase_row(row, hide_after) for row in page],
            "Pagination": {
                "SortBy": SORT_NAMES[sort],
                "OrderBy": order.title(),
                "PageIndex": number,
                "PageSize": size,
                "ResultsCount": len(page),
                "TotalCount": wrong.get("total") if wrong else len(rows),
            },
        }
    )


def _newer_rows(sim: PexSimulator, query: Query) -> list[Transaction]:
    start, end = open_window(query, sim.books.today())
    pending = query.maybe("Pending")
    approvals = query.approvals()
    least, most = _amount(query, "MinAmount"), _amount(query, "MaxAmount")
    exact = _amount(query, "EqualsAmount")
    search = (query.text("Search") or "").lower()
    return [
        row
        for row in sim.books.between(sim.books.rows(), start, end)
        if not row.is_declined
        and (pending is None or row.is_pending == pending)
        and (not approvals or plain_approval(row.approval).lower() in approvals)
        and (least is None or row.amount >= least)
        and (most is None or row.amount <= most)
        and (exact is None or row.amount == exact)
        and (not search or search in _searched(row))
    ]


def _amount(query: Query, name: str) -> Decimal | None:
    text = query.text(name)
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise invalid(f"The value '{text}' is not valid for {name}.") from None


def _searched(row: Transaction) -> str:
    merchant = row.merchant
    return f"{merchant.name} {merchant.normalized}".lower() if merchant else ""


def _page_asked(sim: PexSimulator, query: Query) -> tuple[int, int]:
    """The page number under the names that count, and the size of a page."""
    numbers = [query.whole(name, 0) for name in sim.page_names]
    size = query.whole("PageSize", 100)
    if not 1 <= size <= LARGEST_PAGE:
        raise invalid(f"PageSize must be between 1 and {LARGEST_PAGE}.")
    return max(1, *numbers), size


_NEWER = "/v4/transactions/cardholder"
ROUTES = [
    ("GET", "/v4/details/allcardholdertransactions", all_transactions),
    ("GET", "/v4/details/allcardholdertransactioncount", count_transactions),
    ("GET", "/v4/details/transactiondetails/<account>", account_transactions),
    ("GET", f"{_NEWER}/purchases", list_purchases),
    ("GET", f"{_NEWER}/purchases/<transaction>", one_purchase),
    ("GET", f"{_NEWER}/transactions", list_newer),
    ("GET", f"{_NEWER}/transactions/<transaction>", one_newer),
    ("GET", f"{_NEWER}/<account>/purchases", list_account_purchases),
]
