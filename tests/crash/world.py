"""What changes around a sync in the chaos test, and what was true when."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.models import FieldMapping, Tenant
from sync.models import Decision, PurchaseSync, RunOutcome, SyncAttempt, SyncRun
from tests.simulators.cmic import CmicSimulator
from tests.simulators.pex import PexSimulator

JOB = "Job/Dept/Eqp."
# In an order in which they can be put back.
_TABLES = (SyncRun, PurchaseSync, SyncAttempt, Decision, RunOutcome)


@dataclass
class History:
    """The values of one fact, each with the moments between which it may have held."""

    values: list[tuple[datetime, Any]] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)

    def begin(self, value: Any) -> None:
        self.values.append((timezone.now(), value))

    def end(self) -> None:
        """The one before the last cannot have held after now."""
        self.ends.append(timezone.now())

    def between(self, first: datetime, last: datetime) -> set[Any]:
        found = set()
        for number, (begun, value) in enumerate(self.values):
            ended = self.ends[number] if number < len(self.ends) else last
            if begun <= last and ended >= first:
                found.add(value)
        return found


class World:
    """People at work in PEX and in the settings, and the machines that it runs on."""

    def __init__(
        self,
        chance: random.Random,
        tenant: Tenant,
        pex: PexSimulator,
        cmic: CmicSimulator,
    ) -> None:
        self.chance, self.tenant, self.pex, self.cmic = chance, tenant, pex, cmic
        self.jobs = [
            job.code
            for job in cmic.books.contractor.jobs
            if job.company == "001" and job.status_code != "C"
        ][:6]
        self.default = History()
        self.default.begin(self._mapping().get().default_value)
        self.tagged: dict[int, History] = {}
        self.receipted: dict[int, History] = {}
        self.approved: dict[int, History] = {}
        # Codes are there already, and calls take long: lanes are at work meanwhile.
        refresh_all(tenant, cmic_client(tenant))
        pex.latency, cmic.latency = 0.1, 0.2
        self._snapshot: list[tuple[Any, list[Any]]] | None = None

    def add_purchase(self) -> int:
        job = self.chance.choice([None, self.chance.choice(self.jobs)])
        receipts = self.chance.choice([[], ["pdf"], ["png"]])
        purchase = self.pex.add_purchase(
            amount=Decimal(self.chance.randint(100, 99999)) / 100,
            tags={JOB: job} if job else None,
            receipts=receipts,
        )
        for facts, value in (
            (self.tagged, job),
            (self.receipted, bool(receipts)),
            (self.approved, True),
        ):
            facts[purchase] = History()
            facts[purchase].begin(value)
        return purchase

    def change(self) -> None:
        """One of the things that happen, at random."""
        self.chance.choice(
            [
                self._retag,
                self._add_receipt,
                self._reject,
                self._change_default,
                self._change_default,
                self._put_back,
                self._slow_down,
                self._refuse_a_note,
                self._storm,
                self._take_snapshot,
            ]
        )()

    def calm_down(self) -> None:
        """Nothing is wrong any more, and all may be sent."""
        for simulator in (self.pex, self.cmic):
            simulator.faults.clear()
        self.pex.latency = self.cmic.latency = 0.0
        self.pex.page_size = 30_000
        for purchase, facts in self.approved.items():
            if not facts.values[-1][1]:
                self._set(facts, True, purchase, approved=True)

    def _set(self, facts: History, value: Any, purchase: int, **change: Any) -> None:
        facts.begin(value)
        self.pex.change(purchase, **change)
        facts.end()

    def _any(self) -> int:
        return self.chance.choice(sorted(self.tagged))

    def _retag(self) -> None:
        purchase, job = self._any(), self.chance.choice(self.jobs)
        self._set(self.tagged[purchase], job, purchase, tags={JOB: job})

    def _add_receipt(self) -> None:
        purchase = self._any()
        self._set(self.receipted[purchase], True, purchase, receipts=["png"])

    def _reject(self) -> None:
        purchase = self._any()
        self._set(self.approved[purchase], False, purchase, approved="Rejected")

    def _change_default(self) -> None:
        job = self.chance.choice(self.jobs)
        self.default.begin(job)
        self._mapping().update(default_value=job)
        self.default.end()

    def _mapping(self) -> Any:
        return FieldMapping.objects.filter(tenant=self.tenant, field="job_dept_eqp")

    def _slow_down(self) -> None:
        self.pex.latency, self.pex.page_size = 0.25, 4

    def _refuse_a_note(self) -> None:
        self.pex.faults.set("note_forbidden", times=1, match=str(self._any()))

    def _storm(self) -> None:
        self.chance.choice([self.pex, self.cmic]).faults.set("throttled", times=25)

    def _take_snapshot(self) -> None:
        with transaction.atomic():
            self._snapshot = [
                (model, list(model.objects.order_by("pk"))) for model in _TABLES
            ]

    def _put_back(self) -> None:
        """An older state of the tables, as if ten minutes of work were lost."""
        if self._snapshot is None:
            self._take_snapshot()
            return
        names = ", ".join(model._meta.db_table for model in _TABLES)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {names} CASCADE")
            for model, rows in self._snapshot:
                model.objects.bulk_create(rows)

    def check_what_was_sent(
        self, purchases: dict[str, int], *, heard: timedelta, chosen: timedelta
    ) -> None:
        """Each invoice has what PEX said within `heard` of its being stored, coded with
        settings that held within `chosen` of it."""
        amounts = {each.id: -each.amount for each in self.pex.transactions()}
        for invoice in self.cmic.invoices():
            purchase, stored_at = purchases[invoice.number], invoice.stored_at
            span = stored_at - heard, stored_at
            jobs = self.tagged[purchase].between(*span)
            if None in jobs:
                defaults = self.default.between(stored_at - chosen, stored_at)
                jobs = jobs - {None} | defaults
            sent = {line["Aprid_Jobdepteqp_Code"] for line in invoice.lines}
            assert sent <= jobs, (invoice.number, sent, jobs)
            assert invoice.amount == amounts[purchase]
            assert True in self.approved[purchase].between(*span), invoice.number
            has_receipt = b"No Attachment" not in invoice.file
            assert has_receipt in self.receipted[purchase].between(*span), invoice
