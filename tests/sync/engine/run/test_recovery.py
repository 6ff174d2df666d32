"""What beat makes up for: lost messages, dead workers, missed days."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from connector import clock
from connector.models import Tenant
from connector.transfer.importing import import_tenant
from sync.engine.run import recovery
from sync.engine.run.lanes import sync_next
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import due_tenants, next_moment, recover
from sync.engine.run.requesting import request_run
from sync.models import PurchaseSync, SyncRun
from tests.support.driver import drive, row_of
from tests.support.factories import tenant_data

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(minutes=10)


def test_a_run_whose_message_was_lost_is_sent_again(tenant, pex, cmic):
    pex.add_purchase(amount=Decimal("5.00"))
    run, _ = request_run(tenant, "manual")
    assert recover() == []
    SyncRun.objects.update(created_at=timezone.now() - LONG_AGO)
    drive(recover())
    run.refresh_from_db()
    assert run.status == "succeeded"
    assert len(cmic.invoices()) == 1


def test_a_run_that_cannot_be_taken_up_costs_no_other_its_recovery(
    tenant, pex, cmic, monkeypatch
):
    other, _ = import_tenant({**tenant_data(pex.url, cmic.url), "slug": "other"}, {})
    broken, _ = request_run(tenant, "manual")
    _, step = request_run(other, "manual")
    SyncRun.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    take_up = recovery._take_up

    def take_up_but_one(run):
        if run == broken:
            raise ValueError("something strange")
        return take_up(run)

    monkeypatch.setattr(recovery, "_take_up", take_up_but_one)
    assert recover() == [step]


def test_a_run_that_died_while_preparing_is_prepared_anew(tenant, pex, cmic):
    pex.add_purchase(amount=Decimal("5.00"))
    run, _ = request_run(tenant, "manual")
    assert run.start_preparing(timezone.now())
    assert prepare(run.pk) == []
    SyncRun.objects.update(heartbeat_at=timezone.now() - LONG_AGO)
    drive(recover())
    run.refresh_from_db()
    assert run.status == "succeeded"


def test_a_message_of_a_run_that_is_gone_does_nothing(tenant):
    assert prepare(4711) == []
    assert sync_next(4711, 1) == []


def test_lanes_that_died_are_replaced_and_late_ones_do_nothing(tenant, pex, cmic):
    purchases = [pex.add_purchase(amount=Decimal("5.00")) for _ in range(3)]
    run, step = request_run(tenant, "manual")
    lanes = prepare(step.run_id)
    assert len(lanes) == 3
    SyncRun.objects.update(heartbeat_at=timezone.now() - LONG_AGO)
    (again,) = recover()
    fresh = prepare(again.run_id)
    assert {lane.lane_set for lane in lanes} != {lane.lane_set for lane in fresh}
    drive(lanes)
    assert cmic.invoices() == []
    drive(fresh)
    run.refresh_from_db()
    assert run.status == "succeeded"
    assert [pex.markers(each) for each in purchases] == [1, 1, 1]


def test_a_purchase_in_a_dead_workers_hands_is_looked_up_before_anything_else(
    tenant, pex, cmic
):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    _, step = request_run(tenant, "manual")
    lanes = prepare(step.run_id)
    # The worker sent the invoice and died before it could note that.
    PurchaseSync.objects.update(
        status="posting",
        invoice_number=f"PEX-{purchase}",
        company_code="001",
        vendor_code="PEX01",
        claimed_by="00000000-0000-0000-0000-000000000001",
        claimed_until=timezone.now() - timedelta(seconds=1),
    )
    cmic.add_invoice(f"PEX-{purchase}", Decimal("5.00"), timezone.now().date())
    drive(lanes)
    assert len(cmic.invoices()) == 1
    assert row_of(purchase).status == "completed"


def test_nothing_is_recovered_that_is_alive(tenant, pex):
    pex.add_purchase(amount=Decimal("5.00"))
    _, step = request_run(tenant, "manual")
    prepare(step.run_id)
    assert recover() == []


def enable(tenant, moment):
    Tenant.objects.filter(pk=tenant.pk).update(auto_sync=True, next_auto_sync_at=moment)


def test_a_tenant_that_was_just_enabled_gets_its_moment_and_no_run(tenant):
    enable(tenant, None)
    assert due_tenants() == []
    moment = Tenant.objects.get().next_auto_sync_at
    assert timezone.now() < moment <= timezone.now() + timedelta(days=1)


def test_a_due_tenant_is_started_once_however_many_days_were_missed(tenant):
    moment = next_moment(tenant.pk, timezone.now()) - timedelta(days=5)
    enable(tenant, moment)
    assert len(due_tenants()) == 1
    assert due_tenants() == []
    (run,) = SyncRun.objects.all()
    assert (run.trigger, run.queue) == ("auto", "auto")
    after = Tenant.objects.get().next_auto_sync_at
    assert after > timezone.now()
    assert (after - moment) % timedelta(days=1) == timedelta(0)


def test_a_tenant_that_is_not_enabled_is_never_started(tenant):
    Tenant.objects.update(auto_sync=False, next_auto_sync_at=timezone.now() - LONG_AGO)
    assert due_tenants() == []


def test_a_due_tenant_with_an_active_run_is_not_started_twice(tenant):
    request_run(tenant, "manual")
    enable(tenant, timezone.now() - LONG_AGO)
    assert due_tenants() == []
    assert SyncRun.objects.count() == 1


@given(
    tenant_id=st.integers(1, 10**6),
    now=st.datetimes(
        min_value=datetime(2026, 1, 1),  # noqa: DTZ001
        max_value=datetime(2028, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
)
def test_a_tenants_moment_is_the_same_time_every_day(tenant_id, now):
    moment = next_moment(tenant_id, now)
    assert now < moment <= now + timedelta(days=1)
    assert next_moment(tenant_id, moment) == moment + timedelta(days=1)


def test_the_moments_of_many_tenants_are_spread_over_the_day():
    now = datetime(2026, 3, 8, tzinfo=UTC)
    hours = {next_moment(tenant_id, now).hour for tenant_id in range(500)}
    assert hours == set(range(24))


def test_a_dead_workers_purchase_is_waited_for_by_a_lane_that_is_alive(
    tenant, pex, cmic
):
    pex.add_purchase(amount=Decimal("5.00"))
    run, step = request_run(tenant, "manual")
    (lane,) = prepare(step.run_id)
    run.refresh_from_db()
    assert PurchaseSync.objects.claim_next(run, timezone.now())
    (again,) = sync_next(run.pk, lane.lane_set)
    assert again.delay == pytest.approx(20)
    PurchaseSync.objects.update(claimed_until=clock.now())
    drive([replace(again, delay=0)])
    run.refresh_from_db()
    assert run.status == "succeeded"
    assert len(cmic.invoices()) == 1


def test_a_lane_of_an_older_set_does_not_become_one_of_the_new(tenant, pex):
    pex.add_purchase(amount=Decimal("5.00"))
    run, step = request_run(tenant, "manual")
    prepare(step.run_id)
    old, other = (SyncRun.objects.get(pk=run.pk) for _ in range(2))
    now = timezone.now()
    other.pause(now, "CMiC is away.", now + timedelta(minutes=1), "CMiC")
    old.count_fault(now, "CMiC")
    assert old.lane_set != other.lane_set
    assert PurchaseSync.objects.claim_next(old, now) is None
