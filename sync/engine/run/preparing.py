"""Makes a run ready for its lanes: lists, judges, records, adopts (F21).

In stages that the run remembers: after a hiccup in one of them those before it are not
done again while they hold. Every start of lanes comes through here, so that none sends
what was judged long ago, with other settings, or what CMiC has already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Min, QuerySet

from connector import clock
from connector.api.cmic.types import FoundInvoice
from connector.api.exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    AuthenticationError,
    ConnectorError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ServerError,
    UnexpectedResponseError,
)
from sync.engine.judging.context import RunContext
from sync.engine.judging.rules import require_complete
from sync.engine.judging.survey import Survey, require_ready, survey, survey_alone
from sync.engine.purchase.asked import look_up_asked
from sync.engine.run.ending import end, guarded
from sync.engine.run.outages import require_answer, tried_again
from sync.engine.steps import Step
from sync.engine.tags.sync import sync_before_purchases
from sync.models import PurchaseSync, Status, SyncRun
from sync.models.adoption import (
    adopt,
    forget_authorizations,
    leave_out,
    take_over_unfinished,
)
from sync.models.ledger import record
from sync.models.purchase import judged_since
from sync.models.purchase.backlog import explain_absent
from sync.rules.absence import gone_on, outside
from sync.rules.window import business_day

# More than these of a run whose judgement is too old are cheaper in one list.
_MOST_ALONE = 20
# Without a purchase getting further in between.
_MOST_RESTARTS = 2
# So much earlier than the run's wait ends its message may come.
_MOST_EARLY = timedelta(seconds=4)
# What an invoice's number is computed of.
_NAMED = ("pex_transaction_id", "generation")


def prepare(run_id: int) -> list[Step]:
    """List, judge, adopt; the steps that start the run's lanes.

    Harmless to repeat: of two messages one prepares, and a run that died while
    preparing is prepared anew.
    """
    run = SyncRun.objects.filter(pk=run_id).first()
    if run is None:
        return []
    now = clock.now()
    if not run.start_preparing(now):
        return _when_due(run, now)
    if run.restart_count > _MOST_RESTARTS:
        end(run, SyncRun.State.FAILED, _in_vain())
        return []
    return guarded(run, lambda: _prepare(run))


def _when_due(run: SyncRun, now: datetime) -> list[Step]:
    """A message of a wait may come a little early: machines' clocks differ."""
    early = (run.resume_at - now) if run.resume_at is not None else timedelta()
    if timedelta() < early < _MOST_EARLY:
        return [Step(run.pk, run.queue, delay=early.total_seconds())]
    return []


def _prepare(run: SyncRun) -> list[Step]:
    context = RunContext(run)
    require_complete(context.tenant)
    if run.paused_at is not None:
        require_answer(context, run.fault_system)
    _sync_tags(context)
    require_ready(context)
    # Read anew after minutes of tags and what PEX said of its token: what is judged
    # and what is sent have one fingerprint.
    context = RunContext(run)
    seen = _judge_window(context)
    if seen is not None:
        _record(run, seen, context.basis)
    if run.prepared_at is None:
        # Once a run, whatever it is prepared for again.
        look_up_asked(context)
    _judge_alone(context)
    _adopt(context)
    if run.prepared_at is None:
        # What was waited out was met while preparing, and preparing has succeeded.
        run.note_success()
    run.finish_preparing(clock.now())
    return _start_lanes(run)


def _sync_tags(context: RunContext) -> None:
    """Let PEX's tag options follow CMiC, once a run."""
    run = context.run
    if run.tags_synced_at is None:
        remarks = sync_before_purchases(context)
        run.remember("tags", remarks, tags_synced_at=clock.now())


def _judge_window(context: RunContext) -> Survey | None:
    """List and judge the run's days; None if that was done lately and with these
    settings."""
    run = context.run
    is_recent = run.judged_at is not None and run.judged_at >= judged_since()
    holds = is_recent and run.judged_with == context.basis
    if holds and _outdated(context).count() <= _MOST_ALONE:
        return None
    return survey(context, run.window)


def _record(run: SyncRun, seen: Survey, basis: str) -> None:
    """Put on record what the list told, and what follows for what it did not tell."""
    record(run, seen.judgements, seen.cardholders, seen.listed_at, basis)
    explain_absent(run, seen.listed, is_whole=seen.is_whole)
    # What an earlier list of the run told and this one lacks is asked for alone.
    waiting = PurchaseSync.objects.filter(run=run, status=Status.PENDING)
    waiting.filter(judged_at__lt=seen.listed_at).update(judged_at=None)
    with transaction.atomic():
        run.beat(clock.now())
        forget_authorizations(run, seen.judgements)
        take_over_unfinished(run)
    judged: dict[str, Any] = {"judged_at": seen.listed_at, "judged_with": basis}
    if run.judged_with != basis:
        # Whoever changes settings has not begun it anew in vain.
        judged["restart_count"] = 0
    run.remember("judging", seen.remarks, **judged)


def _judge_alone(context: RunContext) -> None:
    """What is to be sent and the list did not tell of, such as what a person sends
    again outside the window: read and judged by itself, or not sent."""
    rows = list(_outdated(context))
    if not rows:
        return
    places = defaultdict(list)
    for row in rows:
        day = business_day(row.occurred_at) if row.occurred_at else None
        if row.pex_account_id is None or day is None:
            leave_out(row, outside(context.run.window, day))
        else:
            places[row.pex_account_id, day].append(row)
    remarks: dict[str, None] = {}
    for (account, day), of_place in places.items():
        remarks |= dict.fromkeys(_judge_place(context, account, day, of_place))
    context.run.remember("alone", list(remarks))


def _judge_place(
    context: RunContext, account: int, day: date, rows: Sequence[PurchaseSync]
) -> tuple[str, ...]:
    """The purchases of a cardholder's day, on record at once: a limit that is met at
    the next place costs them nothing. Returns sentences for people."""
    run = context.run
    wanted = {row.pex_transaction_id for row in rows}
    try:
        seen = survey_alone(context, account, day, wanted)
    except (AuthenticationError, RateLimitError, ApiConnectionError):
        raise
    except ConnectorError as error:
        # The trouble of these purchases: the others do not wait for it.
        for row in rows:
            leave_out(row, tried_again(error))
        return ()
    record(run, seen.judgements, seen.cardholders, seen.listed_at, context.basis)
    told = set(seen.listed)
    for row in rows:
        if row.pex_transaction_id not in told:
            leave_out(row, gone_on(day), for_good=True)
    return seen.remarks


def _outdated(context: RunContext) -> QuerySet[PurchaseSync]:
    """The run's purchases that are to be sent and whose judgement does not hold."""
    waiting = PurchaseSync.objects.filter(run=context.run, status=Status.PENDING)
    return (
        waiting.unfinished()
        .exclude(judged_at__gte=judged_since(), judged_with=context.basis)
        .order_by("pk")
    )


def _adopt(context: RunContext) -> None:
    """Take over what CMiC has and our records do not know (F21).

    Only of what is about to be sent; nothing to send, nothing to ask.
    """
    run = context.run
    waiting = PurchaseSync.objects.filter(run=run, status=Status.PENDING)
    if not waiting.exists():
        return
    try:
        found, by_number = _find_in_cmic(context)
    except (AccessDeniedError, NotFoundError, InvalidRequestError) as error:
        remark = (
            "CMiC does not show its invoices, so those that an older connector sent "
            f"cannot be recognised: {error.message}"
        )
        run.remember("adoption", [remark])
        return
    with transaction.atomic():
        context.heartbeat()
        count = adopt(run, found)
    remarks = []
    if count:
        invoices = "1 invoice was" if count == 1 else f"{count} invoices were"
        remarks.append(f"{invoices} in CMiC already.")
    if not by_number:
        remarks.append(
            "CMiC did not answer about several numbers at once, so each purchase is "
            "looked up by its number before it is sent."
        )
    if remarks or run.looks_up_each:
        run.remember("adoption", remarks, looks_up_each=not by_number)


def _find_in_cmic(context: RunContext) -> tuple[dict[str, FoundInvoice], bool]:
    """By number, and True. By date where CMiC does not answer such a question, but
    others, and False: of what is not found so, nothing is known, because a clerk may
    have given it another date."""
    chosen = context.tenant.transactions
    place = chosen.company_code, chosen.vendor_code
    waiting = PurchaseSync.objects.filter(run=context.run, status=Status.PENDING)
    numbers = [row.computed_number for row in waiting.only(*_NAMED).iterator()]
    try:
        return context.cmic.find_invoices(*place, numbers), True
    except (InvalidRequestError, ServerError, UnexpectedResponseError):
        context.cmic.require_answer()
    # Whichever of its days an earlier sync took for the invoice's.
    days = waiting.aggregate(
        Min("invoice_on"), Min("occurred_at__date"), Min("settled_at__date")
    ).values()
    earliest = min((day for day in days if day is not None), default=None)
    if earliest is None:
        return {}, False
    since = earliest - timedelta(days=1)
    return context.cmic.find_invoices_since(*place, since), False


def _start_lanes(run: SyncRun) -> list[Step]:
    """As many lanes as there is work for; with no work the run ends.

    After an outage one lane goes first: a dead host is not asked four times a minute.
    """
    unfinished = PurchaseSync.objects.filter(run=run).unfinished().count()
    if not unfinished:
        end(run)
        return []
    lane_set = run.new_lanes(clock.now())
    lanes = 1 if run.paused_at else min(settings.SYNC_LANES, unfinished)
    return [Step(run.pk, run.queue, lane_set, beat=run.heartbeat_at)] * lanes


def _in_vain() -> str:
    minutes = settings.JUDGEMENT_GOOD_FOR / 60
    return (
        f"It was started again {_MOST_RESTARTS + 1} times without any purchase getting "
        "further: each time its worker died, or reading the purchases took longer than "
        f"the {minutes:g} minutes after which they must be read again. Look at the "
        "workers' logs."
    )
