"""Thirty days behind the demo: customers that have synced daily, each in another state.

Rows are written as past runs would have left them, from a seed and without a call.
Nothing of the two tenants that the demo executes is touched. The customers have the
first tenant's PEX and CMiC, which know nothing of these purchases, and each has a
business of its own there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from connector.api.cmic.types import CodeKind
from connector.models import (
    CmicCode,
    CmicConnection,
    CodeRefresh,
    PexConnection,
    RefreshState,
    Tenant,
)
from sync.engine.judging.context import TenantContext
from sync.engine.purchase.invoices import content_of
from sync.models import PurchaseSync, RunOutcome, Status, SyncAttempt, SyncRun
from sync.rules.invoicing import invoice_number
from sync.rules.window import business_day
from tests.demo.customers import CUSTOMERS, NO_COST_CODE, REFUND, REFUSAL, Customer
from tests.demo.past import SETTLES, Past, Purchase, past_of
from tests.simulators.pex.seeding.people import MERCHANTS

_FIRST_ID = 371_000_000
_CHECKED = ("is_ok", "checked_at", "check_message")
# Of a hundred purchases those that are split over two jobs.
_SPLIT = 15
_FIRST_NAMES = ("Ana", "Ben", "Carla", "Dmitri", "Elsa", "Frank", "Gina", "Hugo")
_LAST_NAMES = ("Ruiz", "Adams", "Novak", "Petrov", "Lund", "Moore", "Rossi", "Braun")


def write(
    like: Tenant,
    load: Callable[[dict[str, Any]], Tenant],
    issue: Callable[[int, str], str],
) -> None:
    """Load each customer's tenant and give it its past.

    `load` makes a tenant as `like` is, but for what it is given; codes, tags and what
    the last check found are copied from `like`. `issue` asks PEX for a token of the
    business of this number and name.
    """
    now = timezone.now()
    known = PexConnection.objects.get(tenant=like).business_id or 0
    businesses = range(known + 1, known + 1 + len(CUSTOMERS))
    tokens = [
        issue(business, each.name)
        for business, each in zip(businesses, CUSTOMERS, strict=True)
    ]
    with transaction.atomic():
        pasts = [past_of(each, _load(each, load), now) for each in CUSTOMERS]
        for past, business, token in zip(pasts, businesses, tokens, strict=True):
            _connect_pex(past, like, business, token)
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


def _connect_pex(past: Past, like: Tenant, business: int, token: str) -> None:
    """PEX as it was found a while ago."""
    names = ("username", "tags", "cardholders", "token_expires_at")
    found = PexConnection.objects.values(*names, *_CHECKED).get(tenant=like)
    row = past.tenant.pex
    for name, value in found.items():
        setattr(row, name, value)
    row.token, row.business_id, row.business_name = token, business, past.customer.name
    row.checked_token = row.token_mark
    row.save()


def _connect(customer: Customer, tenant: Tenant, like: Tenant, now: datetime) -> None:
    """CMiC as it was found a while ago, so that nothing is due just now."""
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


def _write_purchases(past: Past, first_id: int) -> None:
    places = _places(past.tenant)
    people = _people(past.dice)
    rows = []
    for number, purchase in enumerate(past.purchases):
        row = _row(past, purchase, first_id + 7 * number)
        row.merchant = past.dice.choice(MERCHANTS).name
        row.cardholder = past.dice.choice(people)
        is_held = row.status not in (Status.COMPLETED, Status.FAILED)
        row.lines = _lines(past.dice, purchase, places, is_held=is_held)
        rows.append(row)
    PurchaseSync.objects.bulk_create(rows, batch_size=1000)
    _write_attempts(past, rows)
    _write_outcomes(past, rows)


def _row(past: Past, purchase: Purchase, transaction_id: int) -> PurchaseSync:
    last_good = max(filter(past.is_good, range(len(past.runs))))
    done, settings = past.done_by(purchase), past.tenant.transactions
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
        settled_at=purchase.occurred_at + SETTLES,
        invoice_on=business_day(purchase.occurred_at),
    )
    if row.status != Status.COMPLETED and purchase.held is not None:
        row.reasons = [purchase.held.to_json()]
    if row.status not in (Status.COMPLETED, Status.FAILED):
        return row
    row.invoice_number = invoice_number(transaction_id)
    row.company_code, row.vendor_code = settings.company_code, settings.vendor_code
    row.attempt_count = 1
    if row.status == Status.FAILED:
        row.posting_at = _moment(past, purchase.first)
    else:
        row.posting_at = _moment(past, done)
        row.posted_at = row.posting_at + timedelta(seconds=1.2)
        row.completed_at = row.posting_at + timedelta(seconds=1.6)
        row.marker_note_id = transaction_id * 3
        row.marker_written_at = row.marker_seen_at = row.completed_at
    return row


def _moment(past: Past, index: int) -> datetime:
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
    dice: random.Random,
    purchase: Purchase,
    places: Sequence[tuple[str, str, str]],
    *,
    is_held: bool,
) -> list[dict[str, Any]]:
    """One, or two of a split; what holds the purchase shows in its codes."""
    amounts = [-purchase.amount if purchase.held is REFUND else purchase.amount]
    if purchase.held is None and dice.randrange(100) < _SPLIT:
        half = (purchase.amount / 2).quantize(Decimal("0.01"))
        amounts = [half, purchase.amount - half]
    lines = []
    for amount in amounts:
        codes = list(dice.choice(places))
        if is_held and purchase.held and purchase.held.kind == CodeKind.JOB:
            codes[0] = purchase.held.value
        elif is_held and purchase.held is NO_COST_CODE:
            codes[1] = ""
        sources = ["tag", "tag", "static"]
        line = {"type": "J", "codes": codes, "sources": sources}
        lines.append({**line, "amount": f"{amount:.2f}"})
    return lines


def _write_attempts(past: Past, rows: Sequence[PurchaseSync]) -> None:
    context = TenantContext(past.tenant)
    outcome = SyncAttempt.Outcome
    attempts = []
    for purchase, row in zip(past.purchases, rows, strict=True):
        if row.posting_at is None:
            continue
        is_refused = row.status == Status.FAILED
        attempts.append(
            SyncAttempt(
                purchase=row,
                run=past.runs[purchase.first if is_refused else past.done_by(purchase)],
                invoice_number=row.invoice_number,
                payload=content_of(context, row, row.invoice_number),
                document_name=f"{row.invoice_number}.pdf",
                started_at=row.posting_at,
                ended_at=row.posting_at + timedelta(seconds=1.1),
                outcome=outcome.REFUSED if is_refused else outcome.ACCEPTED,
                answer_status=400 if is_refused else 200,
                answer=row.reasons[0]["value"] if is_refused else "",
            )
        )
    SyncAttempt.objects.bulk_create(attempts, batch_size=1000)


def _write_outcomes(past: Past, rows: Sequence[PurchaseSync]) -> None:
    held = [
        RunOutcome(
            run=past.runs[index],
            purchase=row,
            status=purchase.status,
            reasons=[purchase.held.to_json()],
        )
        for purchase, row in zip(past.purchases, rows, strict=True)
        if purchase.held is not None
        for index in range(purchase.first, past.done_by(purchase))
        if past.is_good(index)
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
