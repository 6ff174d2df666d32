"""Moves many rows by what a run or CMiC knows of them, without judging them.

What a list of PEX changes of a row is `sync.models.ledger`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from connector import clock
from connector.api.cmic.types import FoundInvoice
from sync.models.purchase import PurchaseSync
from sync.models.run import SyncRun
from sync.models.states import Status, check_move
from sync.rules.reasons import Reason, ReasonCode
from sync.rules.selection import Judgement


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


def leave_out(row: PurchaseSync, reason: Reason, *, for_good: bool = False) -> None:
    """It is not sent in the row's run, for that reason; `for_good`, later runs do not
    take it up either, unless they list it."""
    waiting = PurchaseSync.objects.filter(
        pk=row.pk, run=row.run_id, status=Status.PENDING
    )
    changes = {"resend_count": 0} if for_good else {}
    waiting.update(
        reasons=[reason.to_json()],
        is_deferred=True,
        updated_at=clock.now(),
        **changes,
    )


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
