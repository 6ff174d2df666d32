"""Writes a run's judgements into the rows, in bulk, without disturbing a worker.

A batch is one transaction that locks its rows first; rows that a worker has leased keep
their state. Which judgement a purchase deserves is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Q

from connector import clock
from connector.api.cmic.types import FoundInvoice
from connector.api.pex.types import Note
from sync.models.purchase import PurchaseSync
from sync.models.run import SyncRun
from sync.models.states import Status, check_move
from sync.rules.facts import to_json
from sync.rules.invoicing import invoice_number
from sync.rules.reasons import Reason, ReasonCode, Verdict
from sync.rules.selection import Judgement

BATCH = 500

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


def take_over_unfinished(run: SyncRun) -> None:
    """Rows that an earlier run left half-way are this run's now, listed or not.

    So is what is to be sent again: its day may have left the window by now.
    """
    half_way = Q(status__in=(Status.POSTING, Status.POSTED))
    again = Q(status=Status.PENDING, resend_count__gt=0)
    PurchaseSync.objects.filter(half_way | again, tenant=run.tenant_id).exclude(
        run=run
    ).update(run=run, is_deferred=False)


def forget_authorizations(run: SyncRun, judgements: Iterable[Judgement]) -> None:
    """Remove pending rows that have settled: PEX gives the settlement its own id.

    Nothing was ever sent for them, and the settled row tells the purchase's story.
    """
    settled = {
        judgement.purchase.authorization_id
        for judgement in judgements
        if judgement.purchase.authorization_id is not None
        # A row that names itself has not settled under another id.
        and judgement.purchase.authorization_id != judgement.purchase.transaction_id
    }
    gone = PurchaseSync.objects.filter(
        tenant=run.tenant_id,
        pex_transaction_id__in=settled,
        status=Status.SKIPPED,
        reasons__contains=[{"code": ReasonCode.PENDING}],
        attempts=None,
    )
    gone.delete()


def leave_out(row: PurchaseSync, reason: Reason) -> None:
    """It is not sent in the row's run, for that reason."""
    waiting = PurchaseSync.objects.filter(
        pk=row.pk, run=row.run_id, status=Status.PENDING
    )
    waiting.update(reasons=[reason.to_json()], is_deferred=True, updated_at=clock.now())


def adopt(run: SyncRun, found: Mapping[str, FoundInvoice]) -> int:
    """PENDING rows whose number CMiC has already: POSTED, not sent. Returns how many.

    An amount that differs is no adoption: the purchase fails with both amounts.
    """
    adopted = 0
    if not found:
        return adopted
    now = clock.now()
    for row in PurchaseSync.objects.filter(run=run, status=Status.PENDING).iterator():
        number = row.computed_number
        invoice = found.get(number)
        if invoice is None:
            continue
        # Whoever holds a pending one is of an older set of lanes.
        free = PurchaseSync.objects.filter(pk=row.pk, status=Status.PENDING)
        settings = run.tenant.transactions
        known = {
            "invoice_number": number,
            "company_code": settings.company_code,
            "vendor_code": settings.vendor_code,
            "claimed_by": None,
            "claimed_until": None,
            "updated_at": now,
        }
        if reason := row.objection_to(invoice):
            check_move(row.status, Status.FAILED)
            free.update(status=Status.FAILED, reasons=[reason.to_json()], **known)
            continue
        check_move(row.status, Status.POSTED)
        adopted += free.update(
            status=Status.POSTED,
            posted_at=now,
            cmic_invoice_uuid=invoice.uuid,
            reasons=[],
            **known,
        )
    return adopted


def settle_asked(run: SyncRun, row: PurchaseSync, invoice: FoundInvoice) -> bool:
    """A row that waits for a person, and that CMiC shows by now: POSTED, or FAILED with
    another amount. False if that is known already, or if a person was first.
    """
    now = clock.now()
    is_free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    waiting = PurchaseSync.objects.filter(
        is_free, pk=row.pk, status=row.status, needs_person=row.needs_person
    )
    found: dict[str, Any] = {"status": Status.POSTED, "posted_at": now, "reasons": []}
    if reason := row.objection_to(invoice):
        if row.status == Status.FAILED:
            return False
        found = {"status": Status.FAILED, "reasons": [reason.to_json()]}
    check_move(row.status, found["status"])
    changed = waiting.update(
        run=run,
        cmic_invoice_uuid=invoice.uuid,
        needs_person=False,
        is_deferred=False,
        claimed_by=None,
        claimed_until=None,
        not_before=None,
        fault_count=0,
        failed_lookups=0,
        updated_at=now,
        **found,
    )
    return changed == 1


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
    new, changed, unchanged, looked_at = [], [], [], []
    for judgement in batch:
        columns = _columns(judgement, cardholders)
        row = rows.get(judgement.purchase.transaction_id)
        if row is None:
            if judgement.is_purchase:
                new.append(_new_row(run, judgement, {**columns, **judged}))
        elif _update(row, run, judgement, columns, listed_at):
            changed.append(row)
            if row.is_judgeable:
                row.judged_at, row.judged_with = listed_at, basis
        elif row.is_judgeable:
            unchanged.append(row.pk)
        else:
            looked_at.append(row.pk)
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
    PurchaseSync.objects.filter(pk__in=looked_at).update(**seen)
    PurchaseSync.objects.filter(pk__in=unchanged).update(**seen, **judged)


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
) -> bool:
    """Whether the row changed by more than having been looked at."""
    if row.is_judgeable:
        # Even out of a worker's hands: its lane is of an older set and sends no more,
        # and what it would hold back is judged by what PEX said before.
        if _has_kept_marker(row, judgement.purchase.notes):
            return _bring_back(row, run)
        return _judge_again(row, run, judgement, columns)
    if row.claimed_until is not None and row.claimed_until > clock.now():
        return False
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
        return True
    return False


def _judge_again(
    row: PurchaseSync, run: SyncRun, judgement: Judgement, columns: Mapping[str, Any]
) -> bool:
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
    return had_claim or before != wanted


def _has_kept_marker(row: PurchaseSync, notes: Iterable[Note]) -> bool:
    """It was to be sent again, and the marker that was taken for removed is there
    still: it names the invoice of the generation before."""
    before = invoice_number(row.pex_transaction_id, row.generation - 1)
    return (
        row.generation > 1
        and row.invoice_number == before
        and any(note.is_marker and before in note.text.split() for note in notes)
    )


def _bring_back(row: PurchaseSync, run: SyncRun) -> bool:
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
    return True


def _see_marker(row: PurchaseSync, run: SyncRun) -> bool:
    now = clock.now()
    if row.status == Status.POSTED:
        check_move(row.status, Status.COMPLETED)
        row.status = Status.COMPLETED
        row.completed_at = now
        row.reasons = []
        row.needs_person = False
    elif row.status != Status.COMPLETED or row.marker_seen_at is not None:
        return False
    row.marker_seen_at = row.updated_at = now
    row.run, row.not_before = run, None
    return True
