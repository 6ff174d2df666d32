"""One purchase under everything that may happen to it, in any order.

Workers claim it, lose their leases and act late; runs judge it again and adopt it. What
must hold whatever the order is checked after each step.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from connector.api.cmic.types import FoundInvoice
from connector.api.pex.types import Note, Purchase
from connector.models import Tenant
from connector.models.judging_basis import basis_of
from sync.models import (
    TRANSITIONS,
    JudgementOutdatedError,
    LeaseLostError,
    PurchaseSync,
    RunLostError,
    Status,
    SyncRun,
)
from sync.models.adoption import adopt, take_over_unfinished
from sync.models.ledger import record
from sync.models.purchase import judged_since
from sync.models.states import JUDGEABLE
from sync.rules.invoicing import invoice_number
from sync.rules.reasons import Reason, ReasonCode, Who
from sync.rules.selection import MARKED, Judgement
from tests.support.factories import make_tenant

pytestmark = pytest.mark.django_db

PURCHASE = 419_000_101
AMOUNT = Decimal("5.00")
NO = Reason(ReasonCode.REFUSED_BY_CMIC, "No.", Who.CMIC_ADMIN)
BLOCKING = Reason(ReasonCode.VALUE_UNKNOWN, "No such job.", Who.CARDHOLDER)
MARKER = Note(1, "Synced with CMiC PEX-419000101")


def later():
    return timezone.now() + timedelta(minutes=1)


def begin_posting(row):
    row.begin_posting(
        number=invoice_number(PURCHASE, row.generation),
        company="001",
        vendor="V",
        digest="d",
        document={},
        warnings=[],
        run=row.run,
        basis=row.judged_with,
    )


# What the engine does with a purchase, by the status that its worker knows.
ACTS = {
    Status.PENDING: {
        "begin_posting": begin_posting,
        "hold_back": lambda row: row.hold_back(Status.BLOCKED, [BLOCKING]),
    },
    Status.POSTING: {
        "mark_posted": lambda row: row.mark_posted(invoice_uuid="u"),
        "mark_refused": lambda row: row.mark_refused(NO),
        "take_back": lambda row: row.take_back(),
        "await_lookup": lambda row: row.await_lookup(later()),
        "count_lookup": lambda row: row.await_lookup(later(), was_absent=True),
        "send_again": lambda row: row.send_again(),
        "ask_person": lambda row: row.ask_person(NO),
    },
    Status.POSTED: {
        "write_marker": lambda row: row.mark_completed(note_id=7, was_seen=False),
        "see_marker": lambda row: row.mark_completed(note_id=None, was_seen=True),
        "ask_person": lambda row: row.ask_person(NO),
    },
}
ALWAYS = {
    "renew": lambda row: row.renew(),
    "release": lambda row: row.release(later()),
    "release_after_fault": lambda row: row.release_after_fault(later()),
    "defer": lambda row: row.defer(NO),
}


class OnePurchase(RuleBasedStateMachine):
    @initialize(status=st.sampled_from(Status), was_seen=st.booleans())
    def begin(self, status, was_seen):
        self.tenant = Tenant.objects.get()
        self.basis = basis_of(self.tenant.pk)
        self.run = self.new_run()
        self.hands = []
        is_new = status in (Status.PENDING, Status.SKIPPED, Status.BLOCKED)
        self.before = PurchaseSync.objects.create(
            tenant=self.tenant,
            run=self.run,
            pex_transaction_id=PURCHASE,
            status=status,
            amount=AMOUNT,
            judged_at=timezone.now(),
            judged_with=self.basis,
            attempt_count=0 if is_new else 1,
            invoice_number="" if is_new else invoice_number(PURCHASE),
            marker_seen_at=timezone.now()
            if was_seen and status == Status.COMPLETED
            else None,
        )

    def teardown(self):
        PurchaseSync.objects.all().delete()
        SyncRun.objects.all().delete()

    @property
    def row(self):
        return PurchaseSync.objects.get()

    def new_run(self):
        today = timezone.now().date()
        SyncRun.objects.update(status=SyncRun.State.SUCCEEDED)
        return SyncRun.objects.create(
            tenant=self.tenant,
            trigger="manual",
            status="running",
            window_from=today,
            window_to=today,
        )

    @rule(data=st.data(), acts=st.booleans())
    def claim(self, data, acts):
        was_held = is_held(self.before)
        claimed = PurchaseSync.objects.claim_next(self.run, timezone.now())
        if claimed is None:
            return
        assert not was_held
        self.hands.append(claimed)
        if acts:
            self.before = self.row
            self.act_as(claimed, data)

    @rule()
    def time_passes(self):
        """Leases run out, and what was put off is due."""
        past = timezone.now() - timedelta(seconds=1)
        PurchaseSync.objects.exclude(claimed_until=None).update(claimed_until=past)
        PurchaseSync.objects.update(not_before=None)
        self.before = self.row

    @precondition(lambda self: self.hands)
    @rule(data=st.data())
    def act_late(self, data):
        self.act_as(data.draw(st.sampled_from(self.hands)), data)

    def act_as(self, worker, data):
        acts = ALWAYS | ACTS.get(worker.status, {})
        if worker.status == Status.PENDING and worker.generation > 1:
            acts["keep_completed"] = lambda row: row.keep_completed()
        name = data.draw(st.sampled_from(sorted(acts)))
        before = self.before
        holds = (worker.claimed_by, worker.status) == (
            before.claimed_by,
            before.status,
        )
        # Nothing new is sent for a run that another has followed, nor by a judgement
        # that is old.
        is_of_this_run = worker.run_id == before.run_id == self.run.pk
        is_sendable = is_of_this_run and worker.was_judged(self.basis, judged_since())
        may_act = holds and (is_sendable or name != "begin_posting")
        try:
            acts[name](worker)
        except (JudgementOutdatedError, LeaseLostError, RunLostError):
            assert not may_act
            assert values_of(self.row) == values_of(before)
            if not holds:
                self.let_go(worker)
        else:
            assert may_act
            if worker.claimed_by is None:
                self.let_go(worker)

    def let_go(self, worker):
        # To Django, all workers' copies of the row are equal.
        self.hands = [each for each in self.hands if each is not worker]

    @rule(
        reasons=st.sampled_from([(), (BLOCKING,), (MARKED,)]),
        is_old=st.booleans(),
    )
    def a_new_run_judges(self, reasons, is_old):
        before = self.before
        purchase = Purchase(PURCHASE, notes=(MARKER,) if MARKED in reasons else ())
        judgement = Judgement(purchase, AMOUNT, False, date(2026, 3, 2), (), reasons)
        listed_at = timezone.now() - timedelta(hours=1 if is_old else 0)
        self.run = self.new_run()
        record(self.run, [judgement], {}, listed_at, self.basis)
        take_over_unfinished(self.run)
        if is_held(before) and not before.is_judgeable:
            assert self.row.status == before.status
            assert self.row.claimed_by == before.claimed_by

    @rule(amount=st.sampled_from([AMOUNT, AMOUNT + 1]))
    def cmic_turns_out_to_have_it(self, amount):
        before = self.before
        number = invoice_number(PURCHASE, before.generation)
        adopt(self.run, {number: FoundInvoice(number, amount, None, "u")})
        if is_held(before) and not before.is_judgeable:
            assert values_of(self.row) == values_of(before)

    @invariant()
    def everything_holds(self):
        before, after = self.before, self.row
        self.before = after
        check_move_made(before, after)
        if after.status in (Status.POSTING, Status.POSTED):
            assert after.invoice_number == invoice_number(PURCHASE, after.generation)
        able = [each for each in self.hands if each.claimed_by == after.claimed_by]
        assert len(able) == 1 if is_held(after) else len(able) <= 1
        if after.status in (Status.COMPLETED, Status.FAILED):
            assert not is_held(after)
        if after.status not in (Status.POSTING, Status.POSTED):
            assert not after.needs_person


def check_move_made(before, after):
    if before.status == Status.COMPLETED and after.status != Status.COMPLETED:
        # Only because a marker that was once seen is gone, and with the next number;
        # what became pending by that is judged at once.
        assert before.marker_seen_at is not None
        assert after.generation == before.generation + 1
        assert after.status in (Status.PENDING, Status.BLOCKED)
    elif before.generation > after.generation:
        # The list that lacked the marker was wrong.
        assert before.status in JUDGEABLE
        assert after.status == Status.COMPLETED
        assert after.generation == before.generation - 1
    else:
        assert after.status in TRANSITIONS[before.status]
        assert after.generation == before.generation


def is_held(row):
    return row.claimed_until is not None and row.claimed_until > timezone.now()


def values_of(row):
    return {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
    }


def test_whatever_happens_in_whatever_order_the_table_and_the_leases_hold():
    make_tenant()
    run_state_machine_as_test(
        OnePurchase,
        settings=settings(
            max_examples=75,
            stateful_step_count=15,
            deadline=None,
            # Few steps as they are; making them fewer would take minutes.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
