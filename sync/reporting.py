"""Runs and purchases as the JSON that scripts rely on, and as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sync.engine.run.counts import counts_of
from sync.models import PreviewedPurchase, PurchaseSync, RunOutcome, SyncRun
from sync.rules.window import Window


def run_json(run: SyncRun) -> dict[str, Any]:
    """A run with every purchase it looked at; an ended one as it ended."""
    return {
        "run": run.pk,
        "status": run.status,
        "reason": run.reason or None,
        "message": run.message,
        "window": run.window.to_json(),
        "counts": counts_of(run),
        "purchases": list(_run_purchases(run)),
    }


def preview_json(window: Window, found: Iterable[PreviewedPurchase]) -> dict[str, Any]:
    """The window as Execute would treat it now; done purchases are left as they are."""
    return {
        "window": window.to_json(),
        "purchases": [_purchase_json(each) for each in found],
    }


def purchase_table(purchases: Iterable[dict[str, Any]]) -> list[str]:
    """One line a purchase: outcome, amount, number, codes with sources, or reasons."""
    lines = [
        f"{'PEX id':>12}  {'outcome':<10} {'amount':>10}  {'invoice':<20} "
        "codes (source) or reasons"
    ]
    for each in purchases:
        lines.append(
            f"{each['transaction_id']:>12}  {each['status']:<10} "
            f"{each['amount'] or '':>10}  {each['invoice_number'] or '':<20} "
            f"{_story(each)}"
        )
    return lines


def _run_purchases(run: SyncRun) -> Iterable[dict[str, Any]]:
    if run.is_active:
        rows = PurchaseSync.objects.filter(run=run).order_by("pex_transaction_id")
        for row in rows.iterator():
            yield _purchase_json(row)
        return
    outcomes = RunOutcome.objects.filter(run=run).select_related("purchase")
    for outcome in outcomes.order_by("purchase__pex_transaction_id").iterator():
        yield _purchase_json(outcome.purchase, outcome.status, outcome.reasons)


def _purchase_json(
    row: PurchaseSync | PreviewedPurchase,
    status: str | None = None,
    reasons: Sequence[dict[str, str]] | None = None,
) -> dict[str, Any]:
    return {
        "transaction_id": row.pex_transaction_id,
        "status": row.status if status is None else status,
        "amount": _money(row.amount),
        "invoice_number": row.invoice_number or None,
        "lines": row.lines,
        "reasons": [
            {key: reason.get(key) for key in ("code", "message", "who")}
            for reason in (row.reasons if reasons is None else reasons)
        ],
    }


def _story(purchase: dict[str, Any]) -> str:
    if purchase["reasons"]:
        return ", ".join(reason["code"] for reason in purchase["reasons"])
    return "; ".join(_coded(line) for line in purchase["lines"])


def _coded(line: dict[str, Any]) -> str:
    pairs = zip(line["codes"], line["sources"], strict=True)
    codes = " / ".join(f"{code} ({source})" for code, source in pairs)
    return f"{line['type']} {codes}"


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
