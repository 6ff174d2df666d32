"""The table of moves, walked in every pair; and leases that guard them."""

from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone

from connector import clock
from connector.clock import lease_time
from connector.models.judging_basis import basis_of
from sync.models import (
    TRANSITIONS,
    LeaseLostError,
    PurchaseSync,
    RunLostError,
    Status,
    SyncRun,
)
from sync.models.states import JUDGEABLE, ForbiddenMoveError, check_move
from sync.rules.reasons import Reason, ReasonCode, Verdict, Who
from tests.support.factories import make_tenant

REASON = Reason(ReasonCode.REFUSED_BY_CMIC, "No.", Who.CMIC_ADMIN)
LEASE = lease_time()


def begin_posting(row, run=None):
    row.begin_posting(
        number="PEX-1",
        company="001",
        vendor="V",
        digest="d",
        document={},
        warnings=[],
        run=run or row.run,
        basis=row.judged_with,
    )


VERBS = {
    "begin_posting": (Status.POSTING, begin_posting),
    "mark_posted": (Status.POSTED, lambda row: row.mark_posted()),
    "mark_completed": (
        Status.COMPLETED,
        lambda row: row.mark_completed(note_id=1, was_seen=False),
    ),
    "mark_refused": (Status.FAILED, lambda row: row.mark_refused(REASON)),
    "take_back": (Status.PENDING, lambda row: row.take_back()),
    "hold_back": (Status.BLOCKED, lambda row: row.hold_back(Status.BLOCKED, [REASON])),
}


@pytest.fixture
def run(db):
    day = timezone.now().date()
    return SyncRun.objects.create(
        tenant=make_tenant(),
        trigger="manual",
        status="running",
        window_from=day,
        window_to=day,
    )


def make_row(run, status, **changes):
    options = {
        "invoice_number": "PEX-1",
        "judged_at": timezone.now(),
        "judged_with": basis_of(run.tenant_id),
        **changes,
    }
    return PurchaseSync.objects.create(
        tenant=run.tenant, run=run, pex_transaction_id=1, status=status, **options
    )


def claim(row):
    row.claimed_by = "00000000-0000-0000-0000-000000000001"
    row.claimed_until = timezone.now() + LEASE
    row.save(update_fields=["claimed_by", "claimed_until"])
    return row


def test_what_judging_gives_is_a_status_that_judging_may_change():
    assert [str(each) for each in JUDGEABLE] == [str(each) for each in Verdict]
    assert all(set(JUDGEABLE) <= TRANSITIONS[status] for status in JUDGEABLE)


@pytest.mark.parametrize(("before", "after"), list(product(Status, Status)))
def test_every_pair_of_states_is_allowed_or_raises(before, after):
    if after in TRANSITIONS[before]:
        check_move(before, after)
    else:
        with pytest.raises(ForbiddenMoveError, match=f"from {before} to {after}"):
            check_move(before, after)


def test_what_cmic_has_is_never_sent_again_by_itself():
    assert TRANSITIONS[Status.POSTED] <= {Status.POSTED, Status.COMPLETED}
    assert Status.POSTING not in TRANSITIONS[Status.COMPLETED]
    assert Status.POSTING not in TRANSITIONS[Status.FAILED]


def test_only_a_pending_purchase_can_be_sent():
    senders = {status for status in Status if Status.POSTING in TRANSITIONS[status]}
    assert senders == {Status.PENDING, Status.POSTING}


@pytest.mark.parametrize(("verb", "status"), list(product(VERBS, Status)))
def test_a_verb_changes_nothing_where_the_table_lacks_the_move(run, verb, status):
    target, act = VERBS[verb]
    row = claim(make_row(run, status, attempt_count=1))
    if target in TRANSITIONS[status]:
        act(row)
        assert PurchaseSync.objects.get().status == target
    else:
        with pytest.raises(ForbiddenMoveError):
            act(row)
        assert PurchaseSync.objects.get().status == status


def test_two_workers_never_get_the_same_purchase(run):
    make_row(run, Status.PENDING)
    now = timezone.now()
    first = PurchaseSync.objects.claim_next(run, now)
    assert first is not None
    assert PurchaseSync.objects.claim_next(run, now) is None


def test_a_lease_that_has_run_out_is_free_again(run):
    make_row(run, Status.PENDING)
    now = timezone.now()
    first = PurchaseSync.objects.claim_next(run, now)
    second = PurchaseSync.objects.claim_next(run, now + LEASE)
    assert second is not None
    assert second.claimed_by != first.claimed_by


def test_a_worker_that_lost_its_lease_can_change_nothing(run):
    make_row(run, Status.PENDING)
    now = timezone.now()
    late = PurchaseSync.objects.claim_next(run, now)
    PurchaseSync.objects.claim_next(run, now + LEASE)
    with pytest.raises(LeaseLostError):
        begin_posting(late)
    with pytest.raises(LeaseLostError):
        late.release()
    row = PurchaseSync.objects.get()
    assert (row.status, row.payload_digest) == (Status.PENDING, "")


def test_nothing_is_sent_for_a_run_that_has_moved_on_and_the_lease_still_holds(run):
    make_row(run, Status.PENDING)
    held = PurchaseSync.objects.claim_next(run, timezone.now())
    known = SyncRun.objects.get(pk=run.pk)
    SyncRun.objects.update(lane_set=7)
    with pytest.raises(RunLostError, match="taken over"):
        begin_posting(held, run=known)
    stored = PurchaseSync.objects.get()
    assert (stored.status, stored.payload_digest) == (Status.PENDING, "")
    held.release()
    assert PurchaseSync.objects.get().claimed_by is None


def test_a_row_that_nobody_claimed_cannot_be_moved(run):
    row = make_row(run, Status.PENDING)
    with pytest.raises(LeaseLostError):
        row.release()


def test_a_purchase_that_may_be_in_cmic_is_taken_first(run):
    make_row(run, Status.PENDING)
    PurchaseSync.objects.create(
        tenant=run.tenant,
        run=run,
        pex_transaction_id=2,
        status=Status.POSTING,
        invoice_number="PEX-2",
    )
    claimed = PurchaseSync.objects.claim_next(run, timezone.now())
    assert claimed.pex_transaction_id == 2


@pytest.mark.parametrize("change", [{"status": "stopped"}, {"lane_set": 1}])
def test_a_run_that_has_ended_or_has_new_lanes_gives_out_no_purchase(run, change):
    make_row(run, Status.PENDING)
    SyncRun.objects.filter(pk=run.pk).update(**change)
    assert PurchaseSync.objects.claim_next(run, timezone.now()) is None


def test_taking_back_counts_no_attempt(run):
    row = claim(make_row(run, Status.PENDING))
    begin_posting(row)
    assert row.attempt_count == 1
    row.take_back()
    stored = PurchaseSync.objects.get()
    assert (stored.status, stored.attempt_count, stored.claimed_by) == (
        "pending",
        0,
        None,
    )


def test_a_worker_that_gave_a_purchase_back_changes_nothing_any_more(run):
    make_row(run, Status.PENDING)
    worker = PurchaseSync.objects.claim_next(run, timezone.now())
    worker.release()
    with pytest.raises(LeaseLostError):
        worker.hold_back(Status.BLOCKED, [REASON])
    assert PurchaseSync.objects.get().status == Status.PENDING


def test_what_is_in_cmic_has_a_whole_lease_for_its_note(run):
    row = claim(make_row(run, Status.POSTING))
    PurchaseSync.objects.update(claimed_until=clock.now())
    row.mark_posted()
    left = PurchaseSync.objects.get().claimed_until - timezone.now()
    assert left > LEASE - timedelta(seconds=10)
