"""A machine's clock that is wrong is not believed, and what one wrote is corrected."""

from __future__ import annotations

import logging
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from connector import clock
from connector.models import CodeRefresh, RefreshState, Tenant
from sync import tasks
from sync.engine.run.recovery import due_tenants, recover
from sync.engine.run.requesting import request_run
from sync.engine.upkeep import future
from sync.models import Alert, Preview, PurchaseSync, SyncRun
from tests.support.driver import drive, execute, row_of
from tests.support.rows import add_alert, add_preview, add_purchase, add_run

pytestmark = pytest.mark.django_db

YEAR = timedelta(days=365)


def database_now():
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("off", [YEAR, -YEAR])
def test_a_machines_clock_that_is_wrong_is_not_believed(time_machine, off):
    time_machine.move_to(clock.now() + off, tick=True)
    assert abs(clock.now() - database_now()) < timedelta(seconds=2)


def test_a_worker_whose_clock_is_most_of_a_day_ahead_syncs_as_any_other(
    tenant, pex, cmic, time_machine
):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    before = clock.now()
    Tenant.objects.update(auto_sync=True, next_auto_sync_at=before)
    # No more, because the simulators in this process go by it as well.
    time_machine.move_to(before + timedelta(hours=20), tick=True)
    steps = due_tenants()
    drive(steps)
    time_machine.move_to(before, tick=True)
    (run,) = SyncRun.objects.all()
    assert run.window_to <= before.date()
    assert Tenant.objects.get().next_auto_sync_at < before + timedelta(days=1, hours=1)
    assert row_of(purchase).status == "completed"
    moments = [run.created_at, run.started_at, run.ended_at, row_of(purchase).posted_at]
    assert all(each < before + timedelta(hours=1) for each in moments)


def test_a_run_whose_heartbeat_lies_in_the_future_is_taken_up(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    request_run(tenant, "manual")
    SyncRun.objects.update(
        status="running", started_at=clock.now(), heartbeat_at=clock.now() + YEAR
    )
    assert recover() == []
    future.correct_moments(clock.now())
    drive(recover())
    assert row_of(purchase).status == "completed"


def test_every_moment_that_lies_too_far_ahead_is_corrected_and_logged(tenant, caplog):
    run = add_run(tenant, "running")
    add_purchase(run, 1, status="pending")
    add_alert(tenant)
    add_preview(tenant, "running")
    RefreshState.objects.create(tenant=tenant)
    CodeRefresh.objects.update_or_create(
        tenant=tenant,
        kind="vendor",
        company="001",
        defaults={"refreshed_at": clock.now(), "count": 1},
    )
    now = clock.now()
    kinds = list(future._kinds(now))
    for rows, column, _, values in kinds:
        token = "00000000-0000-0000-0000-000000000001"
        held = {"claimed_by": token} if "claimed_by" in values else {}
        assert rows.update(**{column: now + YEAR}, **held), (rows.model, column)
    with caplog.at_level(logging.WARNING, logger="sync.engine.upkeep.future"):
        corrected = future.correct_moments(now)
    assert corrected >= len(kinds)
    assert len(caplog.records) == len(kinds)
    for rows, column, furthest, _ in kinds:
        moments = rows.exclude(**{column: None}).values_list(column, flat=True)
        assert all(each <= now + furthest for each in moments), (rows.model, column)


def test_moments_that_are_near_enough_stay(tenant):
    run = add_run(tenant, "running", heartbeat_at=clock.now())
    add_purchase(
        run, 1, status="pending", not_before=clock.now() + timedelta(minutes=59)
    )
    Tenant.objects.update(next_auto_sync_at=clock.now() + timedelta(hours=23))
    before = [
        list(model.objects.values())
        for model in (Tenant, SyncRun, PurchaseSync, Preview, Alert)
    ]
    assert future.correct_moments(clock.now()) == 0
    assert before == [
        list(model.objects.values())
        for model in (Tenant, SyncRun, PurchaseSync, Preview, Alert)
    ]


def test_it_is_done_each_minute(tenant, pex, cmic):
    Tenant.objects.update(next_auto_sync_at=clock.now() + YEAR)
    tasks.recover()
    assert Tenant.objects.get().next_auto_sync_at is None
    execute(tenant)
