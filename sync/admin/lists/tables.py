"""Which columns of purchases and runs go into a table, and as what.

A cell is text, a number or a moment; writing them to a file is
`sync.admin.lists.export`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from sync.admin.wording import starter
from sync.engine.run.counts import OUTCOMES
from sync.models import PreviewedPurchase, PurchaseSync, SyncRun
from sync.money import Currencies
from sync.rules.reasons import code_title

Cell = str | int | Decimal | date | datetime | None
ZONE = "US Eastern"


@dataclass(frozen=True)
class Table:
    """`rows` yields as many cells as there are `columns`, for any number of rows."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[Iterable[Any]], Iterator[list[Cell]]]


def _purchases(purchases: Iterable[PurchaseSync]) -> Iterator[list[Cell]]:
    currencies = Currencies()
    for row in purchases:
        yield [
            row.tenant.name,
            str(row.pex_transaction_id),
            row.get_status_display(),
            _each(row.reasons, lambda reason: code_title(reason.get("code", ""))),
            _each(row.reasons, lambda reason: reason.get("message", "")),
            local(row.occurred_at),
            local(row.settled_at),
            row.merchant,
            row.cardholder,
            row.amount,
            currencies.of(row),
            row.invoice_number,
            row.invoice_on,
            row.company_code,
            row.vendor_code,
            *(_codes(row, place) for place in range(3)),
            local(row.posted_at),
            local(row.completed_at),
            f"Run {row.run_id}",
        ]


def _runs(runs: Iterable[SyncRun]) -> Iterator[list[Cell]]:
    for run in runs:
        # As of an active one its rows say so far; a table keeps what has ended.
        counts = {} if run.is_active else run.counts
        yield [
            run.pk,
            run.tenant.name,
            run.get_status_display(),
            starter(run),
            run.window_from,
            run.window_to,
            local(run.started_at),
            local(run.ended_at),
            *(counts.get(name) for name in OUTCOMES),
            run.get_reason_display(),
            run.message,
        ]


def _previewed(purchases: Iterable[PreviewedPurchase]) -> Iterator[list[Cell]]:
    for row in purchases:
        yield [
            str(row.pex_transaction_id),
            row.get_status_display(),
            _each(row.reasons, lambda reason: code_title(reason.get("code", ""))),
            _each(row.reasons, lambda reason: reason.get("message", "")),
            local(row.occurred_at),
            row.merchant,
            row.cardholder,
            row.amount,
            row.invoice_number,
            row.invoice_on,
            *(_codes(row, place) for place in range(3)),
        ]


PURCHASES = Table(
    "purchases",
    (
        "Tenant",
        "PEX transaction",
        "Status",
        "Reasons",
        "Reasons in words",
        f"Card used ({ZONE})",
        f"Settled ({ZONE})",
        "Merchant",
        "Cardholder",
        "Amount",
        "Currency",
        "Invoice number",
        "Invoice date",
        "Company",
        "Vendor",
        "Job/Dept/Eqp.",
        "Cost Code/Account/Category",
        "Cost Type/Tran Code",
        f"In CMiC since ({ZONE})",
        f"Completed ({ZONE})",
        "Looked at last by",
    ),
    _purchases,
)
PREVIEWED = Table(
    "preview",
    (
        "PEX transaction",
        "Status",
        "Reasons",
        "Reasons in words",
        f"Card used ({ZONE})",
        "Merchant",
        "Cardholder",
        "Amount",
        "Invoice number",
        "Invoice date",
        "Job/Dept/Eqp.",
        "Cost Code/Account/Category",
        "Cost Type/Tran Code",
    ),
    _previewed,
)
RUNS = Table(
    "runs",
    (
        "Run",
        "Tenant",
        "Status",
        "Started by",
        "First day",
        "Last day",
        f"Started ({ZONE})",
        f"Ended ({ZONE})",
        *(name.capitalize() for name in OUTCOMES),
        "Reason",
        "Message",
    ),
    _runs,
)


def local(moment: datetime | None) -> datetime | None:
    """In the business zone, without it: the column's title says which."""
    if moment is None:
        return None
    return timezone.localtime(moment).replace(tzinfo=None, microsecond=0)


def _each(
    reasons: Iterable[dict[str, str]], say: Callable[[dict[str, str]], str]
) -> str:
    return "; ".join(say(reason) for reason in reasons)


def _codes(row: PurchaseSync | PreviewedPurchase, place: int) -> str:
    """Those of its lines at this place, each once."""
    found = (line["codes"][place : place + 1] for line in row.lines)
    return "; ".join(dict.fromkeys(code for codes in found for code in codes if code))
