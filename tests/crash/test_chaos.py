"""Workers killed at random moments with random faults on, while settings, PEX and even
the database change under them; the checker reads only the simulators' books.

`CHAOS_ROUNDS` rounds, each with its own seed; `CHAOS_SEED` repeats one of them.
"""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from sync import tasks
from sync.engine.run.recovery import recover
from sync.engine.run.requesting import request_run
from sync.models import Decision, PurchaseSync, SyncRun
from tests.crash.world import World
from tests.support.driver import drive, number_of, set_up
from tests.support.factories import make_tenant
from tests.support.worker import running_worker

YEAR = 365 * 86_400
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
FIRST_SEED = int(os.environ.get("CHAOS_SEED", "1"))
GOOD_FOR = 3.0
SHORT = {
    "LEASE_SECONDS": "4",
    "HTTP_TIMEOUT": "1.9",
    "JUDGEMENT_GOOD_FOR": str(GOOD_FOR),
}
# From the moment at which sending begins to that at which CMiC has it, on a machine
# with much else to do.
ON_THE_WAY = 3.0
PURCHASES = 16
KILLS = 2
CHANGES = 3  # for each worker that is killed
LONGEST_ROUND = 150  # seconds

# Where a database was put back, PEX's marker is all that tells of the sending.
SETTLED = Q(status="completed") | Q(
    status="skipped", reasons__contains=[{"code": "already_synced"}]
)

CMIC_FAULTS = (
    ("reset_before_store", {}),
    ("reset_after_store", {}),
    ("server_error_after_store", {}),
    ("server_error", {"match": "uploadApRegInvoice"}),
    ("garbage_ok", {"stored": True}),
    ("garbage_ok", {"stored": False}),
    ("throttled", {}),
    ("lookup_error", {}),
)
PEX_FAULTS = (
    ("note_500_after_store", {}),
    ("note_500_before_store", {}),
    ("note_reset_after_store", {}),
    ("note_reset_before_store", {}),
    ("attachment_error", {}),
    ("server_error", {}),
    ("reset", {}),
    ("throttled", {"retry_after": 1}),
)


@pytest.fixture
def tenant(transactional_db, pex, cmic, settings):
    settings.LEASE_SECONDS = 4.0
    settings.JUDGEMENT_GOOD_FOR = GOOD_FOR
    return make_tenant(pex.url, cmic.url)


def trouble(chance, pex, cmic):
    for simulator, faults in ((cmic, CMIC_FAULTS), (pex, PEX_FAULTS)):
        for name, options in chance.sample(faults, 2):
            simulator.faults.set(name, times=chance.randint(1, 2), **options)


def run_killed(chance, world):
    """A worker that is killed after a random while in which the world changes; its
    machine's clock may be wrong by a year."""
    ahead = chance.choice(["0", "0", "0", str(YEAR), str(-YEAR)])
    with running_worker(**SHORT, CLOCK_AHEAD=ahead) as worker:
        tasks.recover()
        for _ in range(CHANGES):
            time.sleep(chance.uniform(0.1, 1.5))
            world.change()
        os.killpg(worker, signal.SIGKILL)


def told(row):
    """Where a purchase stands, for whoever reads the failure."""
    waits = f"{row.needs_person=} {row.is_deferred=} {row.not_before=}"
    codes = [reason["code"] for reason in row.reasons]
    return (
        f"{row.pex_transaction_id} {row.status} {codes} {waits} {row.marker_seen_at=}"
    )


def finish(tenant, cmic):
    """As beat and a person would, in this process: until nothing waits any more."""
    deadline = time.monotonic() + LONGEST_ROUND
    while not are_all_settled():
        left = PurchaseSync.objects.exclude(SETTLED)
        assert time.monotonic() < deadline, "\n".join(map(told, left))
        now = timezone.now()
        SyncRun.objects.active().exclude(resume_at=None).update(resume_at=now)
        left.exclude(not_before=None).update(not_before=None)
        settle_what_asks(cmic)
        if not SyncRun.objects.active().exists():
            _, step = request_run(tenant, SyncRun.Trigger.MANUAL)
            drive([step])
        drive(recover())
        time.sleep(0.3)


def settle_what_asks(cmic):
    """Somebody looks in CMiC, as the purchase asks, and says what is there; what is in
    CMiC already lacks its marker only."""
    there = {invoice.number for invoice in cmic.invoices()}
    person, _ = User.objects.get_or_create(username="sam")
    for row in PurchaseSync.objects.filter(needs_person=True):
        is_there = row.invoice_number in there
        kind = Decision.Kind.IS_THERE if is_there else Decision.Kind.SEND_AGAIN
        if row.status == "posted":
            kind = Decision.Kind.RETRY
        Decision.objects.make(row, kind, user=person, why="Looked it up.")


def are_all_settled():
    rows = PurchaseSync.objects.all()
    return rows.count() == PURCHASES and not rows.exclude(SETTLED).exists()


@pytest.mark.timeout(LONGEST_ROUND * 2)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + ROUNDS))
def test_chaos_loses_and_doubles_nothing(tenant, pex, cmic, seed):
    chance = random.Random(seed)
    world = World(chance, tenant, pex, cmic)
    purchases = [world.add_purchase() for _ in range(PURCHASES)]
    set_up(
        tenant,
        approved_only=True,
        after_lost_answer=chance.choice(["ask", "send_again"]),
    )
    _, step = request_run(tenant, SyncRun.Trigger.MANUAL)
    tasks.send_on_commit(step)
    for _ in range(KILLS):
        trouble(chance, pex, cmic)
        run_killed(chance, world)
    world.calm_down()
    finish(tenant, cmic)
    numbers = [invoice.number for invoice in cmic.invoices()]
    assert sorted(numbers) == sorted(number_of(each) for each in purchases)
    assert [pex.markers(each) for each in purchases] == [1] * PURCHASES
    spent = -sum(each.amount for each in pex.transactions())
    assert cmic.total() == spent
    world.check_what_was_sent(
        {number_of(each): each for each in purchases},
        heard=timedelta(seconds=GOOD_FOR + ON_THE_WAY),
        chosen=timedelta(seconds=ON_THE_WAY),
    )
