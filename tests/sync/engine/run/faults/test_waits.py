"""How long a run waits: as it is told, a little longer each time, and not for ever."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from connector import clock
from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from sync.engine.run.lanes import sync_next
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import recover
from sync.engine.run.requesting import request_run
from sync.models import PurchaseSync, SyncRun
from tests.support.driver import drive, row_of

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

UPLOAD = "uploadApRegInvoice"


@pytest.fixture
def purchase(tenant, pex, cmic):
    refresh_all(tenant, cmic_client(tenant))
    return pex.add_purchase(amount=Decimal("5.00"))


def begin_again():
    """As the message that is due does."""
    SyncRun.objects.active().update(resume_at=clock.now())
    PurchaseSync.objects.update(not_before=None)
    return [prepare(step.run_id) for step in recover()]


def test_a_wait_that_pex_tells_is_waited_exactly(tenant, pex, purchase):
    pex.faults.set("throttled", match="AllCardholder", times=1, retry_after=2)
    run, step = request_run(tenant, "manual")
    (again,) = prepare(step.run_id)
    assert (again.lane_set, again.delay) == (None, 2)
    run.refresh_from_db()
    assert (run.status, run.reason, run.paused_at) == ("running", "", None)
    SyncRun.objects.update(resume_at=clock.now())
    drive(prepare(again.run_id))
    assert row_of(purchase).status == "completed"


def test_a_message_that_comes_a_little_early_waits_for_the_rest(tenant, pex, purchase):
    pex.faults.set("throttled", match="AllCardholder", times=1, retry_after=2)
    _, step = request_run(tenant, "manual")
    prepare(step.run_id)
    (again,) = prepare(step.run_id)
    assert again.lane_set is None
    assert 0 < again.delay <= 2


def test_a_wait_that_cmic_tells_with_an_outage_is_waited_exactly(
    tenant, cmic, purchase
):
    run, step = request_run(tenant, "manual")
    cmic.faults.set("lookup_error", status=503, retry_after=7, times=4)
    (again,) = prepare(step.run_id)
    assert again.delay == 7
    run.refresh_from_db()
    assert run.reason == "outage"


def test_a_wait_of_an_hour_needs_no_message_of_its_own(tenant, pex, purchase):
    pex.faults.set("throttled", match="AllCardholder", times=1, retry_after=3000)
    run, step = request_run(tenant, "manual")
    assert prepare(step.run_id) == []
    run.refresh_from_db()
    assert run.resume_at - clock.now() > timedelta(minutes=49)
    assert recover() == []


def test_pauses_of_one_outage_grow_to_a_minute(tenant, cmic, purchase):
    run, step = request_run(tenant, "manual")
    cmic.faults.set("maintenance")
    waits = [each.delay for each in prepare(step.run_id)]
    for _ in range(4):
        SyncRun.objects.update(paused_at=clock.now() - timedelta(seconds=sum(waits)))
        ((again,),) = begin_again()
        waits.append(again.delay)
    assert waits == [5, 15, 30, 60, 60]
    cmic.faults.clear()
    (lanes,) = begin_again()
    drive(lanes)
    run.refresh_from_db()
    assert (run.status, run.reason) == ("succeeded", "")


def test_429_for_ever_pauses_ends_and_says_so(tenant, pex, cmic, purchase):
    run, step = request_run(tenant, "manual")
    steps = prepare(step.run_id)
    cmic.faults.set("throttled", match=UPLOAD, retry_after=1)
    for _ in range(20):
        PurchaseSync.objects.update(not_before=None)
        steps = [
            following
            for each in steps
            if each.lane_set is not None
            for following in sync_next(each.run_id, each.lane_set, each.beat)
        ]
    run.refresh_from_db()
    assert (run.status, run.reason) == ("running", "outage")
    assert sum(UPLOAD in call.path for call in cmic.calls) <= 11
    SyncRun.objects.update(paused_at=clock.now() - timedelta(minutes=61))
    (lanes,) = begin_again()
    drive(lanes)
    run.refresh_from_db()
    assert (run.status, run.reason) == ("failed", "outage")
    assert "429" in run.message
    assert "tried for an hour" in run.message
    assert row_of(purchase).attempt_count == 0


def test_one_429_is_no_outage(tenant, cmic, purchase):
    run, step = request_run(tenant, "manual")
    cmic.faults.set("throttled", match=UPLOAD, times=3, retry_after=0)
    drive(prepare(step.run_id))
    for _ in range(4):
        PurchaseSync.objects.update(not_before=None)
        run.refresh_from_db()
        drive(sync_next(run.pk, run.lane_set))
    run.refresh_from_db()
    assert (run.status, run.reason) == ("succeeded", "")
