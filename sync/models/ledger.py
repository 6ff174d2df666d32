"""Writes a run's judgements into the rows, in bulk, without disturbing a worker.

A batch is one transaction that locks its rows first; rows that a worker has leased keep
their state. Which judgement a purchase deserves is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from itertools import islice
from typing import Any

from django.db import transaction

from connector import clock
from connector.api.pex.types import Note
from sync.models.purchase import PurchaseSync
from sync.models.run import SyncRun
from sync.models.states import Status, check_move
from sync.rules.facts import to_json
from sync.rules.invoicing import invoice_number
from sync.rules.reasons import Verdict
from sync.rules.selection import Judgement

BATCH = 500


class _Effect(Enum):
    """What a list changes of a row."""

    CHANGED = auto()
    # Its judgement is the same, and younger.
    JUDGED_ALIKE = auto()
    # So it is, and what its run met while sending still holds.
    STILL_HELD = auto()
    # It is no longer to be judged, or a person was faster.
    SEEN = auto()


_COLUMNS = (
    "amount",
    "is_refund",
    "merchant",
    "cardholder",
    "pex_account_id",
    "approval",
    "occurred_at",
    "settled_at",
    "invoice_on",
    "has_attachments",
    "lines",
    "facts",
)
_JUDGED = ("judged_at", "judged_with")
_UPDATED = (
    *_COLUMNS,
    *_JUDGED,
    "status",
    "reasons",
    "run",
    "claimed_by",
    "claimed_until",
    "not_before",
    "needs_person",
    "is_deferred",
    "fault_count",
    "generation",
    "marker_seen_at",
    "completed_at",
    "updated_at",
)


def record(
    run: SyncRun,
    judgements: Iterable[Judgement],
    cardholders: Mapping[int, str],
    listed_at: datetime,
    basis: str,
) -> None:
    """Bring the tenant's rows up to date with what PEX lists since `listed_at`, judged
    with the settings of that fingerprint.

    Raises `RunLostError` at the first batch after others took the run over.
    """
    remaining = iter(judgements)
    while batch := list(islice(remaining, BATCH)):
        with transaction.atomic():
            run.beat(clock.now())
            _record_batch(run, batch, cardholders, listed_at, basis)


def _record_batch(
    run: SyncRun,
    batch: Sequence[Judgement],
    cardholders: Mapping[int, str],
    listed_at: datetime,
    basis: str,
) -> None:
    judged = {"judged_at": listed_at, "judged_with": basis}
    ids = [judgement.purchase.transaction_id for judgement in batch]
    rows = {
        row.pex_transaction_id: row
        for row in PurchaseSync.objects.select_for_update().filter(
            tenant=run.tenant_id, pex_transaction_id__in=ids
        )
    }
    new: list[PurchaseSync] = []
    rows_by: dict[_Effect, list[PurchaseSync]] = {each: [] for each in _Effect}
    for judgement in batch:
        columns = _columns(judgement, cardholders)
        row = rows.get(judgement.purchase.transaction_id)
        if row is None:
            if judgement.is_purchase:
                new.append(_new_row(run, judgement, {**columns, **judged}))
        else:
            effect = _update(row, run, judgement, columns, listed_at, basis)
            rows_by[effect].append(row)
    changed = rows_by[_Effect.CHANGED]
    for row in changed:
        if row.is_judgeable:
            row.judged_at, row.judged_with = listed_at, basis
    PurchaseSync.objects.bulk_create(new)
    # An upsert of rows that are there and locked: Django's bulk_update writes a CASE
    # for every column of every row, and takes many times as long.
    PurchaseSync.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["tenant", "pex_transaction_id"],
        update_fields=_UPDATED,
    )
    seen = {"run": run, "is_deferred": False}
    free = {"claimed_by": None, "claimed_until": None}
    for effect, values in (
        (_Effect.SEEN, seen),
        (_Effect.JUDGED_ALIKE, {**seen, **judged}),
        (_Effect.STILL_HELD, {**free, **judged}),
    ):
        keys = [row.pk for row in rows_by[effect]]
        PurchaseSync.objects.filter(pk__in=keys).update(**values)


def _columns(judgement: Judgement, cardholders: Mapping[int, str]) -> dict[str, Any]:
    purchase = judgement.purchase
    return {
        "amount": judgement.amount,
        "is_refund": judgement.is_refund,
        "merchant": purchase.merchant,
        "cardholder": cardholders.get(purchase.account_id or 0, ""),
        "pex_account_id": purchase.account_id,
        "approval": purchase.approval,
        "occurred_at": purchase.occurred_at,
        "settled_at": purchase.settled_at,
        "invoice_on": judgement.invoice_on,
        "has_attachments": purchase.has_attachments,
        "lines": [line.to_json() for line in judgement.lines],
        "facts": to_json(purchase),
    }


def _new_row(
    run: SyncRun, judgement: Judgement, columns: Mapping[str, Any]
) -> PurchaseSync:
    return PurchaseSync(
        tenant_id=run.tenant_id,
        run=run,
        pex_transaction_id=judgement.purchase.transaction_id,
        status=judgement.status,
        reasons=[reason.to_json() for reason in judgement.reasons],
        marker_seen_at=clock.now() if judgement.purchase.is_marked else None,
        **columns,
    )


def _update(
    row: PurchaseSync,
    run: SyncRun,
    judgement: Judgement,
    columns: Mapping[str, Any],
    listed_at: datetime,
    basis: str,
) -> _Effect:
    if row.is_judgeable:
        is_younger = row.judged_at is None and row.updated_at > listed_at
        if is_younger and row.resend_count:
            # A person sent it again after the list was asked for: it does not tell of
            # what they have put right.
            return _Effect.SEEN
        # Even out of a worker's hands: its lane is of an older set and sends no more,
        # and what it would hold back is judged by what PEX said before.
        if _has_kept_marker(row, judgement.purchase.notes):
            return _bring_back(row, run)
        if _is_held_alike(row, run, judgement, columns, basis):
            return _Effect.STILL_HELD
        return _judge_again(row, run, judgement, columns)
    if row.claimed_until is not None and row.claimed_until > clock.now():
        return _Effect.SEEN
    if judgement.purchase.is_marked:
        return _see_marker(row, run)
    # A list may be older than the marker: only one that PEX had before can have been
    # removed (P5).
    is_older = row.marker_seen_at is not None and row.marker_seen_at < listed_at
    if is_older and row.has_lost_marker(is_marked=False):
        check_move(row.status, Status.PENDING)
        row.status = Status.PENDING
        row.generation += 1
        row.marker_seen_at = row.completed_at = None
        _judge_again(row, run, judgement, columns)
        return _Effect.CHANGED
    return _Effect.SEEN


def _is_held_alike(
    row: PurchaseSync,
    run: SyncRun,
    judgement: Judgement,
    columns: Mapping[str, Any],
    basis: str,
) -> bool:
    """This very run has met what holds it back, and neither PEX nor the settings say
    anything else by now: to try it again would cost the others their turn."""
    is_held = row.status != Status.PENDING or row.is_deferred or row.not_before
    alike = {
        name: value
        for name, value in columns.items()
        if name != "has_attachments" or value is not None
    }
    return (
        judgement.status is Verdict.PENDING
        and bool(is_held)
        and (row.run_id, row.judged_with) == (run.pk, basis)
        and all(getattr(row, name) == value for name, value in alike.items())
    )


def _judge_again(
    row: PurchaseSync, run: SyncRun, judgement: Judgement, columns: Mapping[str, Any]
) -> _Effect:
    reasons = [reason.to_json() for reason in judgement.reasons]
    wanted = {
        **columns,
        "status": judgement.status,
        "reasons": reasons,
        "not_before": None,
        "is_deferred": False,
        "fault_count": 0,
    }
    if judgement.purchase.is_marked:
        wanted["marker_seen_at"] = row.marker_seen_at or clock.now()
    if columns["has_attachments"] is None and judgement.status is not Verdict.PENDING:
        # Not asked this time. A purchase that is to be sent believes no old answer.
        wanted["has_attachments"] = row.has_attachments
    check_move(row.status, judgement.status)
    before = {name: getattr(row, name) for name in wanted}
    had_claim = row.claimed_by is not None
    for name, value in wanted.items():
        setattr(row, name, value)
    # A worker whose lease has run out must not send what was judged before.
    row.claimed_by = row.claimed_until = None
    row.run, row.updated_at = run, clock.now()
    is_changed = had_claim or before != wanted
    return _Effect.CHANGED if is_changed else _Effect.JUDGED_ALIKE


def _has_kept_marker(row: PurchaseSync, notes: Iterable[Note]) -> bool:
    """It was to be sent again, and the marker that was taken for removed is there
    still: it names the invoice of the generation before."""
    before = invoice_number(row.pex_transaction_id, row.generation - 1)
    return (
        row.generation > 1
        and row.invoice_number == before
        and any(note.is_marker and before in note.text.split() for note in notes)
    )


def _bring_back(row: PurchaseSync, run: SyncRun) -> _Effect:
    """PENDING, SKIPPED or BLOCKED → COMPLETED: its marker only seemed to be gone."""
    check_move(row.status, Status.COMPLETED)
    now = clock.now()
    row.status = Status.COMPLETED
    row.generation -= 1
    row.completed_at = row.marker_seen_at = row.updated_at = now
    row.reasons = []
    row.run = run
    row.claimed_by = row.claimed_until = row.not_before = None
    row.is_deferred, row.fault_count = False, 0
    return _Effect.CHANGED


def _see_marker(row: PurchaseSync, run: SyncRun) -> _Effect:
    now = clock.now()
    if row.status in (Status.POSTED, Status.FAILED):
        check_move(row.status, Status.COMPLETED)
        row.status = Status.COMPLETED
        row.completed_at = now
        row.reasons = []
        row.needs_person = False
    elif row.status != Status.COMPLETED or row.marker_seen_at is not None:
        return _Effect.SEEN
    row.marker_seen_at = row.updated_at = now
    row.run, row.not_before = run, None
    return _Effect.CHANGED
