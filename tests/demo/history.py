"""Thirty days behind the demo: customers that have synced daily, each in another state.

Rows are written as past runs would have left them, from a seed and without a call.
Nothing of the two tenants that the demo executes is touched. The customers have the
first tenant's PEX and CMiC, which know nothing of these purchases.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from connector.api.cmic.flysheets import payload
from connector.api.cmic.types import CodeKind
from connector.api.pex.reading import EASTERN
from connector.models import (
    CmicCode,
    CmicConnection,
    CodeRefresh,
    PexConnection,
    RefreshState,
    Tenant,
)
from sync.engine.judging.rules import invoice_rules, location
from sync.engine.purchase.invoices import invoice_of
from sync.models import PurchaseSync, RunOutcome, Status, SyncAttempt, SyncRun
from sync.rules.invoicing import invoice_number
from sync.rules.reasons import Reason
from sync.rules.window import business_day, resolve_window
from tests.demo.customers import (
    CUSTOMERS,
    DECLINE,
    NO_COST_CODE,
    REFUND,
    REFUSAL,
    Customer,
    Trouble,
)
from tests.simulators.pex.seeding.people import MERCHANTS

DAYS = 30
_FIRST_ID = 371_000_000
_CHECKED = ("is_ok", "checked_at", "check_message")
# Of a hundred purchases: declined at the till, and split over two jobs.
_DECLINED, _SPLIT = 4, 15
_FIRST_NAMES = ("Ana", "Ben", "Carla", "Dmitri", "Elsa", "Frank", "Gina", "Hugo")
_LAST_NAMES = ("Ruiz", "Adams", "Novak", "Petrov", "Lund", "Moore", "Rossi", "Braun")
# Shops are open from seven to five, US Eastern; a purchase settles in a day.
_OPENS, _OPEN, _SETTLES = time(7), timedelta(hours=10), timedelta(hours=22)


@dataclass
class _Purchase:
    """What becomes of one: first looked at by run `first`, done by run `done`."""

    occurred_at: datetime
    amount: Decimal
    first: int
    done: int | None
    held: Reason | None = None
    status: Status = Status.BLOCKED


@dataclass
class _Past:
    """One customer's runs, the oldest first, and purchases."""

    customer: Customer
    tenant: Tenant
    dice: random.Random
    runs: list[SyncRun] = field(default_factory=list)
    good: list[bool] = field(default_factory=list)
    purchases: list[_Purchase] = field(default_factory=list)


def write(like: Tenant, load: Callable[[dict[str, Any]], Tenant]) -> None:
    """Load each customer's tenant and give it its past.

    `load` makes a tenant as `like` is, but for what it is given; codes, tags and what
    the last check found are copied from `like`.
    """
    now = timezone.now()
    with transaction.atomic():
        pasts = [_past(each, _load(each, load), now) for each in CUSTOMERS]
        for past in pasts:
            _connect(past.customer, past.tenant, like, now)
        # Numbers of runs follow the time, whoever's they are.
        runs = sorted(
            (run for past in pasts for run in past.runs), key=lambda run: run.created_at
        )
        asked = [run.created_at for run in runs]
        SyncRun.objects.bulk_create(runs)
        for run, at in zip(runs, asked, strict=True):
            run.created_at = at
        SyncRun.objects.bulk_update(runs, ["created_at"])
        for number, past in enumerate(pasts):
            if past.runs:
                _write_purchases(past, _FIRST_ID + number * 1_000_000)


def _load(customer: Customer, load: Callable[[dict[str, Any]], Tenant]) -> Tenant:
    is_synced = bool(customer.next_in)
    names = {"slug": customer.slug, "name": customer.name}
    return load({**names, "auto_sync": is_synced})


def _connect(customer: Customer, tenant: Tenant, like: Tenant, now: datetime) -> None:
    """Both sides as they were found a while ago, so that nothing is due just now."""
    names = ("business_id", "username", "tags", "cardholders", "token_expires_at")
    found = PexConnection.objects.values(*names, *_CHECKED).get(tenant=like)
    PexConnection.objects.filter(tenant=tenant).update(
        business_name=customer.name, **found
    )
    cmic = CmicConnection.objects.filter(tenant=tenant)
    cmic.update(**CmicConnection.objects.values(*_CHECKED).get(tenant=like))
    if customer.is_refused:
        cmic.update(password="changed since", is_ok=False, check_message=REFUSAL)
    elif customer.is_disconnected:
        cmic.update(is_disconnected=True, password="", is_ok=None, check_message="")
    models: tuple[type[CmicCode | CodeRefresh], ...] = (CmicCode, CodeRefresh)
    for model in models:
        rows: list[Any] = list(model._default_manager.filter(tenant=like))
        for row in rows:
            row.pk, row.tenant = None, tenant
        model._default_manager.bulk_create(rows, batch_size=2000)
    state = {"started_at": now, "ended_at": now, "refreshed_at": now, "is_ok": True}
    RefreshState.objects.update_or_create(
        tenant=tenant, defaults={**state, "company": like.transactions.company_code}
    )
    next_at = now + timedelta(hours=customer.next_in) if customer.next_in else None
    Tenant.objects.filter(pk=tenant.pk).update(next_auto_sync_at=next_at)


def _past(customer: Customer, tenant: Tenant, now: datetime) -> _Past:
    past = _Past(customer, tenant, random.Random(customer.slug))
    if not customer.a_day:
        return past
    last = now + timedelta(hours=customer.next_in - 24)
    for ago in reversed(range(DAYS)):
        if customer.is_disconnected and ago < customer.ended:
            break
        at = last - timedelta(days=ago, seconds=past.dice.uniform(0, 50))
        is_good = ago >= customer.ended and ago != customer.outage
        past.runs.append(_run(past, at, is_good=is_good))
        past.good.append(is_good)
        if ago >= customer.ended:
            _shop(past, at, ago)
    for index, run in enumerate(past.runs):
        _count(past, index, run)
    return past


def _run(past: _Past, at: datetime, *, is_good: bool) -> SyncRun:
    values: dict[str, Any] = {}
    if not is_good and past.customer.is_refused:
        values = {"reason": SyncRun.Reason.CREDENTIALS_REFUSED, "message": REFUSAL}
    elif not is_good:
        said = "PEX answered with an error (503). It was tried for an hour."
        values = {"reason": SyncRun.Reason.OUTAGE, "message": said}
    is_outage = values.get("reason") == SyncRun.Reason.OUTAGE
    took = 3660 if is_outage else past.dice.uniform(25, 70) if is_good else 2
    window = resolve_window(start=None, end=None, now=at, is_automatic=True)
    return SyncRun(
        tenant=past.tenant,
        trigger=SyncRun.Trigger.AUTO,
        status=SyncRun.State.SUCCEEDED if is_good else SyncRun.State.FAILED,
        window_from=window.first,
        window_to=window.last,
        created_at=at,
        started_at=at,
        prepared_at=at + timedelta(seconds=4),
        heartbeat_at=at + timedelta(seconds=took),
        ended_at=at + timedelta(seconds=took),
        lane_set=1,
        **values,
    )


def _shop(past: _Past, at: datetime, ago: int) -> None:
    """The purchases that the run at `at` is the first to find settled."""
    dice, index = past.dice, len(past.runs) - 1
    # The last day of which everything had settled by then.
    day = business_day(at - timedelta(hours=_OPENS.hour) - _OPEN - _SETTLES)
    opened = datetime.combine(day, _OPENS, EASTERN)
    is_weekend = day.weekday() >= 5
    usual = past.customer.a_day * (0.25 if is_weekend else 1)
    held = [
        trouble
        for trouble in past.customer.troubles
        for _ in range(_held_today(trouble, ago))
    ]
    for place in range(max(len(held), round(dice.gauss(usual, usual / 6)))):
        purchase = _Purchase(
            occurred_at=opened + dice.random() * _OPEN,
            amount=Decimal(f"{dice.lognormvariate(4.4, 0.9):.2f}"),
            first=index,
            done=index,
        )
        if place < len(held):
            trouble = held[place]
            purchase.held, purchase.status = trouble.reason, trouble.status
            solved = None if trouble.lasted is None else trouble.ago - trouble.lasted
            purchase.done = None if solved is None else index + ago - solved
        elif dice.randrange(100) < _DECLINED:
            purchase.held, purchase.status = DECLINE, Status.SKIPPED
            purchase.done = None
        past.purchases.append(purchase)


def _held_today(trouble: Trouble, ago: int) -> int:
    """How many of its purchases first show in the run of that day."""
    if not trouble.is_spread:
        return trouble.count if ago == trouble.ago else 0
    days = trouble.lasted or trouble.ago
    place = trouble.ago - ago
    if not 0 <= place < days:
        return 0
    return trouble.count * (place + 1) // days - trouble.count * place // days


def _count(past: _Past, index: int, run: SyncRun) -> None:
    """What the run ended with. Failed ones leave their purchases to the next."""
    if not past.good[index]:
        run.counts = dict.fromkeys(("seen", "completed"), 0)
        return
    counts = Counter(
        "completed" if _done(past, each) <= index else str(each.status)
        for each in past.purchases
        if each.first <= index
    )
    run.counts = {"seen": counts.total(), **counts}
    if counts["failed"]:
        run.status = SyncRun.State.PARTIAL


def _done(past: _Past, purchase: _Purchase) -> int:
    """The run that sent it: the first good one from when it could be sent."""
    if purchase.done is None:
        return len(past.runs)
    done = purchase.done
    while done < len(past.runs) and not past.good[done]:
        done += 1
    return done


def _write_purchases(past: _Past, first_id: int) -> None:
    places = _places(past.tenant)
    people = _people(past.dice)
    rows = []
    for number, purchase in enumerate(past.purchases):
        row = _row(past, purchase, first_id + 7 * number)
        row.merchant = past.dice.choice(MERCHANTS).name
        row.cardholder = past.dice.choice(people)
        row.lines = _lines(past.dice, purchase, places)
        rows.append(row)
    PurchaseSync.objects.bulk_create(rows, batch_size=1000)
    _write_attempts(past, rows)
    _write_outcomes(past, rows)


def _row(past: _Past, purchase: _Purchase, transaction_id: int) -> PurchaseSync:
    last_good = max(index for index, is_good in enumerate(past.good) if is_good)
    done, settings = _done(past, purchase), past.tenant.transactions
    sign = -1 if purchase.held is REFUND else 1
    row = PurchaseSync(
        tenant=past.tenant,
        run=past.runs[last_good],
        pex_transaction_id=transaction_id,
        status=Status.COMPLETED if done < len(past.runs) else purchase.status,
        amount=sign * purchase.amount,
        is_refund=sign < 0,
        approval="approved",
        has_attachments=True,
        occurred_at=purchase.occurred_at,
        settled_at=purchase.occurred_at + _SETTLES,
        invoice_on=business_day(purchase.occurred_at),
    )
    if row.status not in (Status.COMPLETED, Status.FAILED):
        row.reasons = [purchase.held.to_json()] if purchase.held else []
        return row
    row.invoice_number = invoice_number(transaction_id)
    row.company_code, row.vendor_code = settings.company_code, settings.vendor_code
    row.attempt_count = 1
    if row.status == Status.FAILED:
        row.reasons = [purchase.held.to_json()] if purchase.held else []
        row.posting_at = _moment(past, purchase.first)
    else:
        row.posting_at = _moment(past, done)
        row.posted_at = row.posting_at + timedelta(seconds=1.2)
        row.completed_at = row.posting_at + timedelta(seconds=1.6)
        row.marker_note_id = transaction_id * 3
        row.marker_written_at = row.marker_seen_at = row.completed_at
    return row


def _moment(past: _Past, index: int) -> datetime:
    """Some moment at which the run was sending."""
    run = past.runs[index]
    assert run.started_at is not None
    return run.started_at + timedelta(seconds=past.dice.uniform(5, 20))


def _places(tenant: Tenant) -> list[tuple[str, str, str]]:
    """Job, cost code and cost type, as they are open together."""
    codes = CmicCode.objects.filter(
        tenant=tenant, company=tenant.transactions.company_code, is_active=True
    )
    jobs = codes.filter(kind=CodeKind.JOB).values("code")
    return list(
        codes.filter(kind=CodeKind.CATEGORY, code="4000", grandparent__in=jobs)
        .order_by("grandparent", "parent")
        .values_list("grandparent", "parent", "code")
    )


def _people(dice: random.Random) -> list[str]:
    firsts, lasts = dice.sample(_FIRST_NAMES, 6), dice.sample(_LAST_NAMES, 6)
    return [f"{first} {last}" for first, last in zip(firsts, lasts, strict=True)]


def _lines(
    dice: random.Random, purchase: _Purchase, places: Sequence[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    amounts = [-purchase.amount if purchase.held is REFUND else purchase.amount]
    if purchase.held is None and dice.randrange(100) < _SPLIT:
        half = (purchase.amount / 2).quantize(Decimal("0.01"))
        amounts = [half, purchase.amount - half]
    lines = []
    for amount in amounts:
        codes = list(dice.choice(places))
        if purchase.held is not None and purchase.held.kind == CodeKind.JOB:
            codes[0] = purchase.held.value
        elif purchase.held is NO_COST_CODE:
            codes[1] = ""
        sources = ["tag", "tag", "static"]
        line = {"type": "J", "codes": codes, "sources": sources}
        lines.append({**line, "amount": f"{amount:.2f}"})
    return lines


def _write_attempts(past: _Past, rows: Iterable[PurchaseSync]) -> None:
    rules, place = invoice_rules(past.tenant), location(past.tenant)
    layout = past.tenant.cmic.layout()
    attempts = []
    for row in rows:
        if row.posting_at is None or not all(line["codes"][1] for line in row.lines):
            continue
        is_refused = row.status == Status.FAILED
        outcome = SyncAttempt.Outcome
        attempts.append(
            SyncAttempt(
                purchase=row,
                run=row.run,
                invoice_number=row.invoice_number,
                payload=payload(
                    invoice_of(row, row.invoice_number, rules), layout, place
                ),
                document_name=f"{row.invoice_number}.pdf",
                started_at=row.posting_at,
                ended_at=row.posting_at + timedelta(seconds=1.1),
                outcome=outcome.REFUSED if is_refused else outcome.ACCEPTED,
                answer_status=400 if is_refused else 201,
                answer=row.reasons[0]["value"] if is_refused else "",
            )
        )
    SyncAttempt.objects.bulk_create(attempts, batch_size=1000)


def _write_outcomes(past: _Past, rows: Sequence[PurchaseSync]) -> None:
    held = [
        RunOutcome(
            run=past.runs[index],
            purchase=row,
            status=purchase.status,
            reasons=[purchase.held.to_json()],
        )
        for purchase, row in zip(past.purchases, rows, strict=True)
        if purchase.held is not None
        for index in range(purchase.first, _done(past, purchase))
        if past.good[index]
    ]
    RunOutcome.objects.bulk_create(held, batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sync_runoutcome (run_id, purchase_id, status, reasons) "
            "SELECT run.id, purchase.id, 'completed', '[]' FROM sync_syncrun run "
            "JOIN sync_purchasesync purchase USING (tenant_id) "
            "WHERE run.tenant_id = %s AND run.status <> 'failed' "
            "AND purchase.completed_at <= run.ended_at",
            [past.tenant.pk],
        )
