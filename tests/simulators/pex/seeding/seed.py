"""Seventy days of believable card purchases of a building contractor, from a seed.

What is unusual about a row is its story; the shares of the stories hold for any number.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from tests.simulators.contractor import CLOSED, Contractor
from tests.simulators.pex.books import Books
from tests.simulators.pex.entities import (
    DISPUTE,
    FEE,
    PURCHASE,
    REBATE,
    REFUND,
    from_wall_clock,
    wall_clock,
)
from tests.simulators.pex.seeding.making import (
    MIXED,
    OBJECT,
    TEXT,
    Paper,
    Plan,
    Splits,
    enter,
)
from tests.simulators.pex.seeding.people import CARDHOLDERS, LONG_NAMED, MERCHANTS
from tests.simulators.pex.seeding.receipts import FORMATS, JPEG, PDF, PNG
from tests.simulators.pex.seeding.stories import stories_of
from tests.simulators.pex.tags import (
    BILLABLE,
    CATEGORY,
    DELETED,
    JOB,
    LEFTOVER_JOB,
    PHASE,
    UNLISTED_JOBS,
    TagBook,
)

DAYS = 70
COMPANY = "001"
APPROVALS = {
    "Approved": 60,
    "NotReviewed": 14,
    "Not Reviewed": 8,
    "Rejected": 6,
    None: 7,
    "NoReceipt": 5,
}
MARKERS = (
    "Synced with CMiC",
    "synced with cmic by old connector",
    "SYNCED WITH CMIC",
    "Synced with CMiC as PEX-400123456 on 2026-01-05",
)
REMARKS = (
    "Two jobs, see receipt",
    "Receipt lost, will ask the store",
    "For Hector's crew",
    "Not yet synced, waiting for PM",
    "Replacement for broken saw – ok per Priya",
)
# Least and most in dollars, by merchant category; the last is for all others.
PRICES = {
    "5541": (18, 140),
    "5542": (22, 390),
    "5814": (3.5, 62),
    "5812": (11, 145),
    "3665": (109, 420),
    "3700": (69, 180),
    "7394": (95, 2400),
    "5211": (24, 2100),
    "5039": (30, 2250),
}
OTHER_PRICES = (6, 890)


@dataclass(frozen=True)
class Coding:
    job: str
    phase: str
    category: str

    def tags(self) -> dict[str, str]:
        return {JOB: self.job, PHASE: self.phase, CATEGORY: self.category}


class Seeder:
    def __init__(self, contractor: Contractor, seed: int, now: datetime) -> None:
        self._chance = random.Random(seed)
        self._now = now
        self._today = wall_clock(now).replace(hour=0, minute=0, second=0)
        self._contractor = contractor
        self._codings = _valid_codings(contractor)
        closed = [
            job.code
            for job in contractor.jobs
            if job.company == COMPANY and job.status_code == CLOSED
        ]
        self._closed_jobs = closed or ["016210"]

    def fill(self, books: Books, tag_book: TagBook, count: int) -> None:
        stories = stories_of(count)
        self._chance.shuffle(stories)
        plans = [self._plan(story, number) for number, story in enumerate(stories)]
        if plans and count >= 20:
            self._rename_one(plans)
        self._hand_out_papers(plans)
        for plan in sorted(plans, key=lambda one: one.moment):
            enter(books, tag_book, plan)

    def _plan(self, story: str, number: int) -> Plan:
        merchant = self._chance.choice(MERCHANTS)
        held_at, settled_at = self._times()
        plan = Plan(
            kind=PURCHASE,
            amount=self._price(merchant.mcc),
            cardholder=CARDHOLDERS[number % len(CARDHOLDERS)],
            merchant=merchant,
            held_at=held_at,
            settled_at=settled_at,
            story=story,
            approval=self._chosen(APPROVALS),
            tags=self._right_tags(),
            notes=self._remarks(),
            has_null_notes=self._chance.random() < 0.5,
        )
        change = getattr(self, f"_as_{story}", None)
        return change(plan, number) if change else plan

    def _as_untagged(self, plan: Plan, number: int) -> Plan:
        return replace(plan, tags=None)

    def _as_partly_tagged(self, plan: Plan, number: int) -> Plan:
        dropped = ([PHASE], [CATEGORY], [JOB, PHASE], [PHASE, CATEGORY])[number % 4]
        tags = {k: v for k, v in (plan.tags or {}).items() if k not in dropped}
        return replace(plan, tags=tags)

    def _as_unknown_job(self, plan: Plan, number: int) -> Plan:
        return replace(plan, tags={**(plan.tags or {}), JOB: LEFTOVER_JOB[0]})

    def _as_closed_job(self, plan: Plan, number: int) -> Plan:
        job = self._closed_jobs[number % len(self._closed_jobs)]
        return replace(plan, tags={**(plan.tags or {}), JOB: job})

    def _as_wrong_phase(self, plan: Plan, number: int) -> Plan:
        coding = self._coding()
        here = {p.code for p in self._contractor.phases if p.job == coding.job}
        others = sorted({p.code for p in self._contractor.phases} - here)
        phase = self._chance.choice(others or ["99.900"])
        return replace(plan, tags={**coding.tags(), PHASE: phase})

    def _as_deleted_tag(self, plan: Plan, number: int) -> Plan:
        coding = self._coding()
        old = {JOB: coding.job, DELETED: coding.phase, CATEGORY: coding.category}
        return replace(plan, tags=old)

    def _as_split(self, plan: Plan, number: int) -> Plan:
        plan = replace(plan, amount=max(plan.amount, Decimal("30.00")))
        splits = self._splits(plan.amount, number)
        form = (OBJECT, TEXT, MIXED)[number % 3]
        return replace(plan, tags=None, splits=splits, split_form=form)

    def _as_split_mismatch(self, plan: Plan, number: int) -> Plan:
        plan = self._as_split(plan, number)
        return replace(plan, amount=plan.amount + Decimal("4.35"))

    def _as_refund(self, plan: Plan, number: int) -> Plan:
        return replace(plan, kind=REFUND)

    def _as_dispute(self, plan: Plan, number: int) -> Plan:
        return replace(plan, kind=DISPUTE, merchant=None)

    def _as_fee(self, plan: Plan, number: int) -> Plan:
        cents = Decimal(self._chance.randint(100, 1200)) / 100
        return replace(plan, kind=FEE, merchant=None, amount=cents, tags=None, notes=())

    def _as_rebate(self, plan: Plan, number: int) -> Plan:
        return replace(self._as_fee(plan, number), kind=REBATE)

    def _as_pending(self, plan: Plan, number: int) -> Plan:
        held_at = self._now - timedelta(minutes=self._chance.randint(20, 2800))
        held_at = held_at.replace(microsecond=0)
        tags = plan.tags if number % 3 == 0 else None
        return replace(
            plan, held_at=held_at, settled_at=None, tags=tags, approval="NotReviewed"
        )

    def _as_declined(self, plan: Plan, number: int) -> Plan:
        return replace(
            plan, settled_at=None, is_declined=True, tags=None, approval="NotReviewed"
        )

    def _as_zero(self, plan: Plan, number: int) -> Plan:
        return replace(plan, amount=Decimal(0))

    def _as_marked(self, plan: Plan, number: int) -> Plan:
        marker = MARKERS[number % len(MARKERS)]
        return replace(plan, approval="Approved", notes=(*plan.notes, marker))

    def _times(self) -> tuple[datetime, datetime]:
        """When the card was held, by day; and when it was settled, by night."""
        chance = self._chance
        day = self._today - timedelta(days=chance.randint(2, DAYS - 1))
        held = day + timedelta(seconds=chance.randint(6 * 3600, 19 * 3600))
        in_night = chance.choice([764, chance.randint(0, 3599)])
        after = timedelta(days=chance.randint(1, 2), hours=3, seconds=in_night)
        latest = self._now.replace(microsecond=0) - timedelta(minutes=10)
        return from_wall_clock(held), min(from_wall_clock(day + after), latest)

    def _price(self, mcc: str) -> Decimal:
        low, high = PRICES.get(mcc, OTHER_PRICES)
        # Small purchases are many, large ones few.
        dollars = low + (high - low) * self._chance.random() ** 2.2
        return Decimal(str(dollars)).quantize(Decimal("0.01"))

    def _chosen(self, weights: dict[str | None, int]) -> str | None:
        return self._chance.choices(list(weights), list(weights.values()))[0]

    def _coding(self) -> Coding:
        return self._chance.choice(self._codings)

    def _right_tags(self) -> dict[str, object]:
        tags: dict[str, object] = dict(self._coding().tags())
        if self._chance.random() < 0.1:
            tags[BILLABLE] = self._chance.random() < 0.5
        return tags

    def _remarks(self) -> tuple[str, ...]:
        if self._chance.random() > 0.18:
            return ()
        return (self._chance.choice(REMARKS),)

    def _splits(self, amount: Decimal, number: int) -> Splits:
        count = 2 + number % 2
        share = (amount / count * Decimal("0.8")).quantize(Decimal("0.01"))
        parts = [share] * (count - 1)
        parts.append(amount - sum(parts))
        return [
            (f"{part:.2f}" if (number + order) % 3 else part, self._coding().tags())
            for order, part in enumerate(parts)
        ]

    def _rename_one(self, plans: list[Plan]) -> None:
        first = next(n for n, plan in enumerate(plans) if plan.story == "tagged")
        plans[first] = replace(plans[first], merchant=LONG_NAMED)

    def _hand_out_papers(self, plans: list[Plan]) -> None:
        places = [
            number
            for number, plan in enumerate(plans)
            if plan.kind in (PURCHASE, REFUND) and plan.settled_at
        ]
        self._chance.shuffle(places)
        for place, papers in zip(places, self._papers(len(places)), strict=False):
            plans[place] = replace(plans[place], papers=papers)

    def _papers(self, count: int) -> Iterator[tuple[Paper, ...]]:
        if count >= 20:
            yield (Paper(PDF), Paper(JPEG, status="HasMalware"))
            yield (Paper(PNG, status="NotLoaded"), Paper(PNG))
            yield (Paper(JPEG, status="LoadFailed"), Paper(JPEG))
            yield (Paper(PDF, status="HasMalware"),)
            yield (Paper(PDF, label="Image"),)
        for number in range(round(count * 0.05)):
            yield tuple(Paper(form) for form in FORMATS[: 2 + number % 2])
        for _ in range(round(count * 0.65)):
            yield (Paper(self._chance.choice(FORMATS)),)


def _valid_codings(contractor: Contractor) -> list[Coding]:
    """What a cardholder may pick and CMiC takes; labour is not bought by card."""
    open_jobs = {
        job.code
        for job in contractor.jobs
        if job.company == COMPANY
        and job.status_code != CLOSED
        and job.code not in UNLISTED_JOBS
    }
    return [
        Coding(one.job, one.phase, one.code)
        for one in contractor.categories
        if one.company == COMPANY
        and one.job in open_jobs
        and one.active
        and one.phase_active
        and one.code != "1000"
    ]
