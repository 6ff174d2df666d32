"""Two of everything at the same moment: the work is done once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from connector.models import Tenant
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import due_tenants, recover
from sync.engine.run.requesting import RunRefusedError, request_run
from sync.models import LeaseLostError, PurchaseSync, RunLostError, SyncRun
from tests.support.driver import drive, row_of
from tests.support.factories import make_tenant
from tests.support.locks import is_anybody_waiting
from tests.support.worker import environment

CROWD = 6


@pytest.fixture
def tenant(transactional_db, pex, cmic):
    return make_tenant(pex.url, cmic.url)


def at_once(work):
    """What `work` gave in each of several threads that begin together."""
    barrier = threading.Barrier(CROWD)

    def begin(_):
        barrier.wait()
        try:
            return work()
        except RunRefusedError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(begin, range(CROWD)))


def test_two_executes_start_one_run_and_the_others_point_to_it(tenant):
    results = at_once(lambda: request_run(Tenant.objects.get(), "manual"))
    refused = [each for each in results if isinstance(each, RunRefusedError)]
    (run,) = SyncRun.objects.all()
    assert len(refused) == CROWD - 1
    assert {error.active.pk for error in refused} == {run.pk}


def test_two_schedulers_start_one_run(tenant):
    moment = timezone.now() - timedelta(minutes=1)
    Tenant.objects.update(auto_sync=True, next_auto_sync_at=moment)
    steps = [step for steps in at_once(due_tenants) for step in steps]
    assert len(steps) == 1
    assert SyncRun.objects.count() == 1


def test_the_same_message_many_times_at_once_prepares_once(tenant, pex):
    pex.add_purchase(amount=Decimal("5.00"))
    run, _ = request_run(tenant, "manual")
    lanes = [steps for steps in at_once(lambda: prepare(run.pk)) if steps]
    assert len(lanes) == 1
    listings = [call for call in pex.calls if "AllCardholder" in call.path]
    assert len(listings) == 1


def test_who_was_taken_for_dead_while_preparing_changes_nothing(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    run, step = request_run(tenant, "manual")
    pex.hold("listing")

    def prepare_aside():
        try:
            return prepare(step.run_id)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(prepare_aside)
        while not pex.holds.held()["listing"]:
            time.sleep(0.05)
        SyncRun.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=10))
        drive(recover())
        run.refresh_from_db()
        assert run.status == "succeeded"
        after, ended = row_of(purchase), run.ended_at
        pex.release("listing")
        assert late.result() == []
    run.refresh_from_db()
    assert (run.status, run.ended_at, run.message) == ("succeeded", ended, "")
    assert row_of(purchase).updated_at == after.updated_at
    assert len(cmic.invoices()) == pex.markers(purchase) == 1


def test_the_same_lane_many_times_at_once_sends_each_purchase_once(tenant, pex, cmic):
    purchases = [pex.add_purchase(amount=Decimal("5.00")) for _ in range(10)]
    run, _ = request_run(tenant, "manual")
    lane = prepare(run.pk)[0]
    at_once(lambda: drive([lane]))
    run.refresh_from_db()
    assert run.status == "succeeded"
    assert len(cmic.invoices()) == len(purchases)
    assert [pex.markers(each) for each in purchases] == [1] * len(purchases)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sync_syncrun SET status = 'stopped'",
        "UPDATE sync_syncrun SET lane_set = lane_set + 1",
        "UPDATE sync_purchasesync SET claimed_by = NULL, claimed_until = NULL",
        "UPDATE sync_purchasesync SET judged_with = 'another'",
    ],
)
def test_what_changes_while_sending_waits_for_a_lock_is_asked_again(
    tenant, pex, change
):
    """PostgreSQL asks a row's own conditions again after the wait, a subquery's not."""
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    run, step = request_run(tenant, "manual")
    prepare(step.run_id)
    run.refresh_from_db()
    row = PurchaseSync.objects.claim_next(run, timezone.now())

    def begin():
        try:
            with transaction.atomic():
                row.begin_posting(
                    number=row.computed_number,
                    company="001",
                    vendor="PEX01",
                    digest="",
                    document={},
                    warnings=[],
                    run=run,
                    basis=row.judged_with,
                )
        finally:
            connection.close()

    with psycopg.connect(environment()["DATABASE_URL"]) as other:
        other.execute(change)
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(begin)
            while not is_anybody_waiting():
                assert not late.done()
            other.commit()
            assert isinstance(late.exception(), (RunLostError, LeaseLostError))
    assert row_of(purchase).status == "pending"
