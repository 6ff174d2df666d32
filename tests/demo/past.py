"""What became of each customer's purchases in the days before the demo, from a seed.

Writes nothing: rows are made by `tests.demo.history`.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from connector.api.pex.reading import EASTERN
from connector.models import Tenant
from sync.models import Status, SyncRun
from sync.rules.reasons import Reason
from sync.rules.window import business_day, resolve_window
from tests.demo.customers import DECLINE, REFUSAL, Customer, Trouble

DAYS = 30
# Of a hundred purchases those that are declined at the till.
_DECLINED = 4
# Shops are open from seven to five, US Eastern; a purchase settles in a day.
_OPENS, _OPEN, SETTLES = time(7), timedelta(hours=10), timedelta(hours=22)


@dataclass
class Purchase:
    """What becomes of one: first looked at by run `first`, done by run `done`."""

    occurred_at: datetime
    amount: Decimal
    first: int
    done: int | None
    held: Reason | None = None
    status: Status = Status.BLOCKED


@dataclass
class Past:
    """One customer's runs, the oldest first, and purchases."""

    customer: Customer
    tenant: Tenant
    dice: random.Random
    runs: list[SyncRun] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)

    def is_good(self, index: int) -> bool:
        """Whether that run went through to its end."""
        return self.runs[index].status != SyncRun.State.FAILED

    def done_by(self, purchase: Purchase) -> int:
        """The run that sent it: the first good one from when it could be sent."""
        if purchase.done is None:
            return len(self.runs)
        done = purchase.done
        while done < len(self.runs) and not self.is_good(done):
            done += 1
        return done


def past_of(customer: Customer, tenant: Tenant, now: datetime) -> Past:
    past = Past(customer, tenant, random.Random(customer.slug))
    if not customer.a_day:
        return past
    last = now + timedelta(hours=customer.next_in - 24)
    for ago in reversed(range(DAYS)):
        if customer.is_disconnected and ago < customer.ended:
            break
        at = last - timedelta(days=ago, seconds=past.dice.uniform(0, 50))
        is_good = ago >= customer.ended and ago != customer.outage
        past.runs.append(_run(past, at, is_good=is_good))
        if ago >= customer.ended:
            _shop(past, at, ago)
    for index, run in enumerate(past.runs):
        _count(past, index, run)
    return past


def _run(past: Past, at: datetime, *, is_good: bool) -> SyncRun:
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


def _shop(past: Past, at: datetime, ago: int) -> None:
    """The purchases that the run at `at` is the first to find settled."""
    dice, index = past.dice, len(past.runs) - 1
    # The last day of which everything had settled by then.
    day = business_day(at - timedelta(hours=_OPENS.hour) - _OPEN - SETTLES)
    opened = datetime.combine(day, _OPENS, EASTERN)
    is_weekend = day.weekday() >= 5
    usual = past.customer.a_day * (0.25 if is_weekend else 1)
    held = [
        trouble
        for trouble in past.customer.troubles
        for _ in range(_held_today(trouble, ago))
    ]
    for place in range(max(len(held), round(dice.gauss(usual, usual / 6)))):
        purchase = Purchase(
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


def _count(past: Past, index: int, run: SyncRun) -> None:
    """What the run ended with. Failed ones leave their purchases to the next."""
    if not past.is_good(index):
        run.counts = dict.fromkeys(("seen", "completed"), 0)
        return
    counts = Counter(
        "completed" if past.done_by(each) <= index else str(each.status)
        for each in past.purchases
        if each.first <= index
    )
    run.counts = {"seen": counts.total(), **counts}
    if counts["failed"]:
        run.status = SyncRun.State.PARTIAL
