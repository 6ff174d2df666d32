"""A person stops a run: what is on its way is finished, the next one takes the rest."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from sync.engine.run.ending import stop
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import recover
from sync.engine.run.requesting import request_run
from sync.models import PurchaseSync, SyncRun
from sync.tasks import send_on_commit
from tests.support.driver import drive, execute
from tests.support.rows import LOOKING, add_person
from tests.support.worker import running_worker

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

LONGEST = 60  # seconds


def url(run, name="stop_run"):
    return reverse(f"admin:sync_syncrun_{name}", args=[run.pk])


def ask_for_run(tenant):
    return request_run(tenant, SyncRun.Trigger.MANUAL)


@pytest.fixture
def purchases(tenant, pex):
    return [pex.add_purchase(amount=Decimal(n)) for n in range(1, 7)]


def test_a_queued_run_never_begins(tenant, purchases, cmic):
    run, step = ask_for_run(tenant)
    assert stop(run, "sam")
    drive([step])
    run.refresh_from_db()
    assert (run.status, cmic.invoices()) == ("stopped", [])
    assert run.message == "Stopped by sam. 0 purchases are left to the next sync."


def test_what_is_left_goes_with_the_next_run(tenant, purchases, pex, cmic):
    run, step = ask_for_run(tenant)
    lanes = prepare(step.run_id)
    assert stop(run, "sam")
    drive(lanes)
    run.refresh_from_db()
    assert run.message == "Stopped by sam. 6 purchases are left to the next sync."
    assert cmic.invoices() == []
    assert execute(tenant).status == "succeeded"
    assert len(cmic.invoices()) == 6
    assert sum(pex.markers(each) for each in purchases) == 6
    run.refresh_from_db()
    assert run.status == "stopped"


def test_a_run_that_waits_out_an_outage_is_stopped_at_once(tenant, purchases):
    run, step = ask_for_run(tenant)
    prepare(step.run_id)
    run.refresh_from_db()
    run.pause(timezone.now(), "CMiC is down.", timezone.now(), "CMiC")
    assert stop(run, "sam")
    assert recover() == []
    assert not SyncRun.objects.active().exists()


def test_one_that_has_ended_is_not_stopped(tenant, purchases):
    run = execute(tenant)
    assert not stop(run, "sam")
    run.refresh_from_db()
    assert run.status == "succeeded"


@pytest.mark.parametrize("point", ["upload_arrived", "upload_stored"])
def test_the_purchase_in_hand_is_finished_by_its_worker(
    transactional_db, tenant, purchases, pex, cmic, point
):
    run, step = ask_for_run(tenant)
    cmic.hold(point)
    with running_worker(concurrency=1):
        send_on_commit(step)
        wait_until(lambda: PurchaseSync.objects.filter(status="posting").exists())
        assert stop(run, "sam")
        cmic.release()
        wait_until(lambda: PurchaseSync.objects.filter(status="completed").exists())
        time.sleep(1)
    assert len(cmic.invoices()) == 1
    statuses = PurchaseSync.objects.values_list("status", flat=True)
    assert sorted(statuses) == ["completed", *["pending"] * 5]
    assert execute(tenant).status == "succeeded"
    assert len(cmic.invoices()) == 6
    assert sum(pex.markers(each) for each in purchases) == 6


def wait_until(is_so):
    deadline = time.monotonic() + LONGEST
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class TestOnThePage:
    def test_it_asks_and_then_stops(self, client, tenant, purchases):
        run, _ = ask_for_run(tenant)
        client.force_login(add_person(*LOOKING, "sync.execute_sync"))
        assert url(run) in client.get(url(run, "change")).content.decode()
        assert "no other purchase is begun" in client.get(url(run)).content.decode()
        assert SyncRun.objects.get(pk=run.pk).status == "queued"
        answer = client.post(url(run), follow=True)
        assert "Stopped by sam." in answer.content.decode()
        assert SyncRun.objects.get(pk=run.pk).status == "stopped"
        assert url(run) not in client.get(url(run, "change")).content.decode()
        again = client.post(url(run), follow=True).content.decode()
        assert "has ended already" in again

    def test_who_only_looks_is_refused(self, client, tenant, purchases):
        run, _ = ask_for_run(tenant)
        client.force_login(add_person(*LOOKING))
        assert url(run) not in client.get(url(run, "change")).content.decode()
        assert client.post(url(run)).status_code == 403
        assert SyncRun.objects.get(pk=run.pk).status == "queued"
