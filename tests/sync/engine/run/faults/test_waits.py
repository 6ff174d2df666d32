"""How long a run waits: as it is told, a little longer each time, and not for ever."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from kombu.exceptions import OperationalError

from connector import clock
from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from sync import tasks
from sync.engine.run.lanes import sync_next
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import recover
from sync.engine.run.requesting import request_run
from sync.engine.run.waking import wake
from sync.models import PurchaseSync, SyncRun
from sync.models.heartbeat import forget_beats
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


AWAY = "redis://user:secret@127.0.0.1:1/0"


def test_without_the_limiter_a_lane_calls_nobody_and_the_run_says_why(
    tenant, pex, cmic, purchase, settings
):
    address = settings.REDIS_URL
    settings.CMIC_CALLS_IN_FLIGHT = 5
    run, step = request_run(tenant, "manual")
    (lane,) = prepare(step.run_id)
    settings.REDIS_URL = AWAY
    before = len(cmic.calls)
    (again,) = sync_next(lane.run_id, lane.lane_set, lane.beat)
    run.refresh_from_db()
    assert (again.lane_set, again.delay) == (None, 5)
    assert "The limiter (Redis) does not answer" in run.message
    assert "Redis at 127.0.0.1:1 refuses connections." in run.message
    assert "secret" not in run.message
    assert len(cmic.calls) == before
    settings.REDIS_URL = address
    SyncRun.objects.update(resume_at=clock.now())
    drive(prepare(again.run_id))
    run.refresh_from_db()
    assert (run.status, run.message) == ("succeeded", "")


def refuse(*args, **options):
    raise OperationalError("Error 111 connecting to 127.0.0.1:1.") from (
        ConnectionRefusedError(111)
    )


def test_a_run_whose_first_message_is_not_taken_says_why(tenant, settings, monkeypatch):
    settings.REDIS_URL = AWAY
    monkeypatch.setattr(tasks.prepare_run, "apply_async", refuse)
    run, step = request_run(tenant, "manual")
    tasks._send([step])
    run.refresh_from_db()
    assert run.status == "queued"
    assert run.message.startswith(
        "The run cannot continue, because no message reaches a worker. Redis at 127"
    )
    assert "secret" not in run.message


def test_a_lane_whose_message_is_not_taken_leaves_the_run_to_be_taken_up(
    tenant, purchase, monkeypatch
):
    run, step = request_run(tenant, "manual")
    (lane,) = prepare(step.run_id)
    monkeypatch.setattr(tasks.sync_next, "apply_async", refuse)
    tasks._send([lane, lane])
    run.refresh_from_db()
    assert "refuses connections" in run.message
    (again,) = recover()
    drive(prepare(again.run_id))
    run.refresh_from_db()
    assert (run.status, run.message, run.restart_count) == ("succeeded", "", 0)
    assert sync_next(lane.run_id, lane.lane_set, lane.beat) == []


def test_a_message_not_taken_for_lanes_that_were_replaced_changes_nothing(
    tenant, purchase, monkeypatch
):
    run, step = request_run(tenant, "manual")
    (lane,) = prepare(step.run_id)
    SyncRun.objects.update(lane_set=lane.lane_set + 1)
    monkeypatch.setattr(tasks.sync_next, "apply_async", refuse)
    tasks._send([lane])
    run.refresh_from_db()
    assert (run.resume_at, run.message) == (None, "")


def silent_since(run, seconds):
    SyncRun.objects.filter(pk=run.pk).update(
        heartbeat_at=clock.now() - timedelta(seconds=seconds)
    )
    forget_beats((run.pk, run.created_at))


def test_a_run_that_was_silent_while_redis_was_away_gets_new_lanes(tenant, purchase):
    run, step = request_run(tenant, "manual")
    (lane,) = prepare(step.run_id)
    silent_since(run, 12)
    (again,) = wake(timedelta(seconds=10))
    drive(prepare(again.run_id))
    run.refresh_from_db()
    assert (run.status, run.restart_count) == ("succeeded", 0)
    assert run.lane_set > lane.lane_set


def test_a_run_whose_lanes_show_life_is_left_to_them(tenant, purchase):
    run, step = request_run(tenant, "manual")
    prepare(step.run_id)
    silent_since(run, 5)
    assert wake(timedelta(seconds=10)) == []


def test_a_run_that_is_prepared_for_the_first_time_is_left_to_whoever_does(tenant):
    run, _ = request_run(tenant, "manual")
    assert run.start_preparing(clock.now())
    silent_since(run, 60)
    assert wake(timedelta(seconds=10)) == []


def test_runs_that_wait_are_begun_when_their_wait_is_over(tenant, pex, purchase):
    pex.faults.set("throttled", match="AllCardholder", times=1, retry_after=40)
    _, step = request_run(tenant, "manual")
    assert [each.run_id for each in wake(timedelta())] == [step.run_id]
    prepare(step.run_id)
    (again,) = wake(timedelta())
    assert 35 < again.delay <= 40
