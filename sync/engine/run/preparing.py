"""Makes a run ready for its lanes: lists, judges, records, adopts (F21)."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from connector.api.exceptions import AccessDeniedError, NotFoundError
from sync.engine.judging.context import RunContext
from sync.engine.judging.rules import require_complete
from sync.engine.judging.survey import survey
from sync.engine.run.ending import end, guarded
from sync.engine.run.outages import require_answer
from sync.engine.steps import Step
from sync.engine.tags.sync import sync_before_purchases
from sync.models import PurchaseSync, Status, SyncRun
from sync.models.backlog import explain_absent
from sync.models.ledger import (
    adopt,
    forget_authorizations,
    record,
    take_over_unfinished,
)


def prepare(run_id: int) -> list[Step]:
    """List, judge, adopt; the steps that start the run's lanes.

    Harmless to repeat: of two messages one prepares, and a run that died while
    preparing is prepared anew.
    """
    run = SyncRun.objects.filter(pk=run_id).first()
    if run is None or not run.start_preparing(timezone.now()):
        return []
    return guarded(run, lambda: _prepare(RunContext(run)))


def _prepare(context: RunContext) -> list[Step]:
    run = context.run
    require_complete(context.tenant)
    if run.paused_at is not None:
        require_answer(context, run.fault_system)
    tag_remarks = sync_before_purchases(context)
    seen = survey(context, run.window)
    record(run, seen.judgements, seen.cardholders, seen.listed_at)
    explain_absent(run, seen.listed, is_whole=seen.is_whole)
    with transaction.atomic():
        context.heartbeat()
        forget_authorizations(run, seen.judgements)
        take_over_unfinished(run)
    remarks = [*tag_remarks, *seen.remarks, *_adopt(context)]
    run.note_success()
    run.finish_preparing(timezone.now(), " ".join(remarks))
    return start_lanes(run)


def _adopt(context: RunContext) -> list[str]:
    """Take over what CMiC has and our records do not know (F21).

    Only for the dates of what is about to be sent; nothing to send, nothing to ask.
    """
    candidates = PurchaseSync.objects.filter(run=context.run, status=Status.PENDING)
    # Whichever of its days an earlier sync took for the invoice's.
    days = candidates.aggregate(
        Min("invoice_on"), Min("occurred_at__date"), Min("settled_at__date")
    ).values()
    earliest = min((day for day in days if day is not None), default=None)
    if earliest is None:
        return []
    chosen = context.tenant.transactions
    try:
        found = {
            invoice.number: invoice
            for invoice in context.cmic.iter_invoices(
                chosen.company_code, chosen.vendor_code, earliest - timedelta(days=1)
            )
        }
    except (AccessDeniedError, NotFoundError) as error:
        return [
            "CMiC does not show its invoices, so those that an older connector sent "
            f"cannot be recognised: {error.message}"
        ]
    with transaction.atomic():
        context.heartbeat()
        count = adopt(context.run, found)
    return [f"{count} invoices were in CMiC already."] if count else []


def start_lanes(run: SyncRun) -> list[Step]:
    """As many lanes as there is work for; with no work the run ends.

    After an outage one lane goes first: a dead host is not asked four times a minute.
    """
    unfinished = PurchaseSync.objects.filter(run=run).unfinished().count()
    if not unfinished:
        end(run)
        return []
    lane_set = run.new_lanes(timezone.now())
    lanes = 1 if run.paused_at else min(settings.SYNC_LANES, unfinished)
    return [Step(run.pk, run.queue, lane_set)] * lanes
