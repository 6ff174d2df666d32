"""A real worker killed with SIGKILL at every point where it hurts.

Whatever was happening, the last line is the same: one invoice, one marker, and both
sides' sums agree.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone

from sync import tasks
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import recover
from sync.engine.run.requesting import request_run
from sync.models import LeaseLostError, PurchaseSync, SyncRun
from tests.support.database_clock import database_clock
from tests.support.driver import drive, number_of
from tests.support.factories import make_tenant
from tests.support.worker import environment, running_worker

SHORT = {"LEASE_SECONDS": "4", "HTTP_TIMEOUT": "1.9"}
AMOUNT = Decimal("118.40")
LONGEST_RECOVERY = 60  # seconds


@pytest.fixture
def tenant(transactional_db, pex, cmic, settings):
    settings.LEASE_SECONDS = 4.0
    return make_tenant(pex.url, cmic.url)


def start(tenant):
    run, step = request_run(tenant, SyncRun.Trigger.MANUAL)
    tasks.send_on_commit(step)
    return run


def kill(worker):
    os.killpg(worker, signal.SIGKILL)


def finish(run, take_up):
    """What beat does each minute, until the run has ended."""
    deadline = time.monotonic() + LONGEST_RECOVERY
    while run.is_active:
        assert time.monotonic() < deadline, f"{run} is {run.status}: {run.message}"
        take_up()
        time.sleep(0.3)
        run.refresh_from_db()


def finish_here(run):
    """In this process, which knows no more of the dead worker than a new one."""
    finish(run, lambda: drive(recover()))


def check_books(pex, cmic, *purchases):
    numbers = sorted(invoice.number for invoice in cmic.invoices())
    assert numbers == sorted(number_of(each) for each in purchases)
    assert [pex.markers(each) for each in purchases] == [1] * len(purchases)
    assert cmic.total() == sum((AMOUNT for _ in purchases), Decimal("0.00"))
    assert set(PurchaseSync.objects.values_list("status", flat=True)) == {"completed"}


@pytest.mark.parametrize(
    ("side", "point"),
    [
        ("pex", "listing"),
        ("pex", "attachment"),
        ("cmic", "upload_arrived"),
        ("cmic", "upload_stored"),
        ("pex", "note_arrived"),
        ("pex", "note_stored"),
    ],
)
def test_a_worker_killed_while_the_other_side_holds_it(tenant, pex, cmic, side, point):
    purchase = pex.add_purchase(amount=AMOUNT, receipts=["pdf"])
    simulator = {"pex": pex, "cmic": cmic}[side]
    simulator.hold(point)
    with running_worker(**SHORT) as worker:
        run = start(tenant)
        simulator.wait_until_held(point)
        kill(worker)
    simulator.release(point)
    finish_here(run)
    assert run.status == "succeeded"
    check_books(pex, cmic, purchase)


@contextmanager
def rows_locked():
    """Another session that holds every purchase, so that no commit gets through."""
    with (
        psycopg.connect(environment()["DATABASE_URL"]) as other,
        other.cursor() as cursor,
    ):
        cursor.execute("SELECT id FROM sync_purchasesync FOR UPDATE")
        yield
        other.rollback()


def wait_for_blocked_session():
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("No session waits for the lock.")


def test_a_new_worker_takes_up_what_a_killed_one_left(tenant, pex, cmic):
    purchases = [pex.add_purchase(amount=AMOUNT) for _ in range(6)]
    cmic.hold("upload_stored", times=4)
    with running_worker(**SHORT) as worker:
        run = start(tenant)
        cmic.wait_until_held("upload_stored", count=4)
        kill(worker)
    cmic.release()
    with running_worker(**SHORT):
        finish(run, tasks.recover)
    assert run.status == "succeeded"
    check_books(pex, cmic, *purchases)


def test_a_worker_killed_between_cmics_answer_and_its_own_commit(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=AMOUNT)
    cmic.hold("upload_stored")
    with running_worker(**SHORT) as worker:
        run = start(tenant)
        cmic.wait_until_held("upload_stored")
        with rows_locked():
            cmic.release("upload_stored")
            wait_for_blocked_session()
            kill(worker)
    # PostgreSQL may still carry out what the dead worker had asked for.
    assert PurchaseSync.objects.get().status in ("posting", "posted")
    finish_here(run)
    check_books(pex, cmic, purchase)


def test_the_broker_emptied_in_the_middle_of_a_run_costs_a_delay_only(
    tenant, pex, cmic
):
    purchases = [pex.add_purchase(amount=AMOUNT) for _ in range(6)]
    cmic.hold("upload_arrived", times=4)
    with running_worker(**SHORT) as worker:
        run = start(tenant)
        cmic.wait_until_held("upload_arrived", count=4)
        redis.Redis.from_url(settings.REDIS_URL).flushdb()
        cmic.release()
        kill(worker)
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    finish_here(run)
    check_books(pex, cmic, *purchases)


def test_postgresql_away_for_seconds_costs_the_same_worker_a_delay_only(
    tenant, pex, cmic
):
    purchases = [pex.add_purchase(amount=AMOUNT) for _ in range(6)]
    cmic.hold("upload_arrived", times=2)
    with running_worker(**SHORT):
        run = start(tenant)
        cmic.wait_until_held("upload_arrived", count=2)
        with database_away():
            cmic.release()
            # CMiC stores what it held, and the worker can put nothing on record.
            time.sleep(3)
            assert len(cmic.invoices()) >= 2
        finish(run, tasks.recover)
    assert run.status == "succeeded"
    check_books(pex, cmic, *purchases)


@contextmanager
def database_away():
    """What clients see of a restart: every session ends, and no new one begins."""
    name = connection.settings_dict["NAME"]
    connection.close()
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as other:
        other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = %s",
                [name],
            )
            yield
        finally:
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_moved_by_an_hour_loses_and_doubles_nothing(tenant, pex, cmic, hours):
    purchases = [pex.add_purchase(amount=AMOUNT) for _ in range(3)]
    run, step = request_run(tenant, SyncRun.Trigger.MANUAL)
    lanes = prepare(step.run_id)
    run.refresh_from_db()
    # A worker that is at work on the first purchase when the database's clock moves.
    held = PurchaseSync.objects.claim_next(run, timezone.now())
    now = timezone.now()
    with database_clock(now + timedelta(hours=hours)):
        drive([*lanes, *recover()])
    with database_clock(now + timedelta(hours=hours + 2)):
        drive(recover())
        with pytest.raises(LeaseLostError):
            held.release()
    check_books(pex, cmic, *purchases)
