"""A preview beside what the next run then did: the same, otherwise, not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sync.models import (
    Preview,
    PreviewedPurchase,
    PurchaseSync,
    RunOutcome,
    Status,
    SyncRun,
)
from sync.money import money

_IN_CMIC = (Status.POSTED, Status.COMPLETED)


@dataclass(frozen=True, slots=True)
class Deviation:
    """One purchase that did not go as previewed, and how, in sentences."""

    transaction_id: int
    purchase_id: int | None
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`previewed` were to be sent; `same` of them were, just so."""

    run: SyncRun
    previewed: int
    same: int
    deviations: Sequence[Deviation] = field(default_factory=tuple)


def compare_with_run(preview: Preview) -> Comparison | None:
    """With the first run that was started after it and has ended; None before that.

    Three queries for any number of purchases.
    """
    runs = SyncRun.objects.filter(tenant=preview.tenant_id)
    later = runs.filter(created_at__gte=preview.ended_at or preview.created_at)
    run = later.exclude(status__in=SyncRun.ACTIVE).order_by("pk").first()
    if run is None:
        return None
    previewed = {
        row.pex_transaction_id: row
        for row in preview.purchases.filter(status=Status.PENDING).defer("invoice")
    }
    outcomes = {
        outcome.purchase.pex_transaction_id: outcome
        for outcome in RunOutcome.objects.filter(run=run)
        .select_related("purchase")
        .defer("purchase__facts")
    }
    deviations = [
        deviation
        for number, row in previewed.items()
        if (deviation := _deviation(row, outcomes.get(number)))
    ]
    same = len(previewed) - len(deviations)
    deviations += [
        Deviation(number, outcome.purchase_id, ("It was sent, but not previewed.",))
        for number, outcome in outcomes.items()
        if number not in previewed and _was_sent(outcome, run)
    ]
    return Comparison(run, len(previewed), same, tuple(deviations))


def _was_sent(outcome: RunOutcome, run: SyncRun) -> bool:
    """By this run; what a person marked, or an earlier run sent, was not."""
    begun = outcome.purchase.posting_at
    if begun is None or run.started_at is None or outcome.status not in _IN_CMIC:
        return False
    return begun >= run.started_at


def _deviation(row: PreviewedPurchase, outcome: RunOutcome | None) -> Deviation | None:
    if outcome is None:
        sentences = ["The run did not meet it any more."]
        return Deviation(row.pex_transaction_id, None, tuple(sentences))
    purchase = outcome.purchase
    if outcome.status not in _IN_CMIC:
        sentences = [f"It was not sent: {Status(outcome.status).label}."]
        sentences += [reason.get("message", "") for reason in outcome.reasons]
    else:
        sentences = _sent_otherwise(row, purchase)
    if not sentences:
        return None
    return Deviation(row.pex_transaction_id, purchase.pk, tuple(sentences))


def _sent_otherwise(row: PreviewedPurchase, purchase: PurchaseSync) -> list[str]:
    pairs: list[tuple[str, Any, Any]] = [
        ("number", row.invoice_number, purchase.invoice_number),
        ("amount", money(row.amount), money(purchase.amount)),
        ("date", row.invoice_on, purchase.invoice_on),
        ("merchant", row.merchant, purchase.merchant),
        ("cardholder", row.cardholder, purchase.cardholder),
        ("codes", _codes(row.lines), _codes(purchase.lines)),
    ]
    return [
        f"The {name} was {before or 'empty'} in the preview, and {after or 'empty'} "
        "when it was sent."
        for name, before, after in pairs
        if before != after
    ]


def _codes(lines: Sequence[dict[str, Any]]) -> str:
    return "; ".join(f"{' / '.join(line['codes'])} {line['amount']}" for line in lines)
