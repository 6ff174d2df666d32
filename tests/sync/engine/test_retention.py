"""Retention: what is too old goes, and nothing that is still needed."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from sync.engine.upkeep import retention
from sync.engine.upkeep.retention import prune
from sync.models import PurchaseSync, RunOutcome, SyncAttempt, SyncRun, TagSync
from tests.support.factories import make_tenant
from tests.support.rows import add_alert, add_purchase, add_run


def add_old_run(tenant, days=500):
    run = add_run(tenant, ended_at=timezone.now() - timedelta(days=days))
    SyncRun.objects.filter(pk=run.pk).update(created_at=run.ended_at)
    return run


def add_attempt(purchase):
    return SyncAttempt.objects.create(
        purchase=purchase,
        run=purchase.run,
        payload={},
        started_at=timezone.now() - timedelta(days=500),
    )


def test_old_rows_go_and_purchases_with_their_runs_stay(db, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    tenant = make_tenant()
    unused = [add_old_run(tenant, 500 + day) for day in range(5)]
    named, last = add_old_run(tenant), add_old_run(tenant, 450)
    done = add_purchase(named, 1)
    sending = add_purchase(last, 2, status="posting", invoice_number="PEX-2")
    RunOutcome.objects.create(run=unused[0], purchase=done, status="completed")
    kept = RunOutcome.objects.create(run=last, purchase=done, status="completed")
    add_attempt(done)
    needed = add_attempt(sending)
    old = timezone.now() - timedelta(days=500)
    add_alert(tenant, sent_at=old)
    add_alert(tenant, sent_at=timezone.now(), occasion="2026-03-03")
    assert prune(timezone.now()) == {
        "attempts": 1,
        "outcomes": 1,
        "runs": 5,
        "alerts": 1,
        "previews": 0,
        "tag syncs": 0,
    }
    assert set(SyncRun.objects.all()) == {named, last}
    assert PurchaseSync.objects.count() == 2
    assert list(RunOutcome.objects.all()) == [kept]
    assert list(SyncAttempt.objects.all()) == [needed]
    assert set(prune(timezone.now()).values()) == {0}


def add_tag_sync(tenant, days, **values):
    ended = timezone.now() - timedelta(days=days)
    values = {"state": "succeeded", "tag_id": "7", "kind": "job", **values}
    return TagSync.objects.create(
        tenant=tenant,
        field="job_dept_eqp",
        tag="Job",
        started_at=ended,
        ended_at=ended,
        **values,
    )


def test_of_old_tag_syncs_the_last_good_one_of_each_list_stays(db):
    tenant = make_tenant()
    add_tag_sync(tenant, 600)
    last = add_tag_sync(tenant, 500)
    failed = add_tag_sync(tenant, 450, state="failed")
    other = add_tag_sync(tenant, 700, kind="equipment")
    assert prune(timezone.now())["tag syncs"] == 1
    assert set(TagSync.objects.all()) == {last, failed, other}
    newer = add_tag_sync(tenant, 1)
    assert prune(timezone.now())["tag syncs"] == 2
    assert set(TagSync.objects.all()) == {other, newer}
