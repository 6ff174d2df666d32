"""An older database is put back while lanes work: PEX and CMiC know what they sent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from connector import clock
from sync.engine.purchase import sending
from sync.engine.run.lanes import sync_next
from sync.engine.run.recovery import recover
from sync.models import PurchaseSync, RunOutcome, SyncAttempt, SyncRun
from tests.support.driver import (
    drive,
    execute,
    listings,
    number_of,
    prepared,
    row_of,
    time_passes,
)

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

JOB = "Job/Dept/Eqp."
FIVE = Decimal("5.00")


@pytest.fixture
def snapshot():
    """Takes the tables as they are; what it returns puts them back."""

    def take():
        kept = [
            (model, list(model.objects.order_by("pk")))
            for model in (SyncRun, PurchaseSync)
        ]

        def put_back():
            for model in (SyncAttempt, RunOutcome, PurchaseSync, SyncRun):
                model.objects.all().delete()
            for model, rows in kept:
                model.objects.bulk_create(rows)

        return put_back

    return take


class TestAnOlderDatabase:
    @pytest.mark.parametrize("duplicates", ["accept", "refuse"])
    @pytest.mark.parametrize("taken_up_by", ["lane", "recovery"])
    def test_what_was_sent_since_is_neither_sent_nor_marked_twice(
        self, tenant, pex, cmic, snapshot, duplicates, taken_up_by
    ):
        cmic.duplicates = duplicates
        purchases = [pex.add_purchase(amount=FIVE) for _ in range(3)]
        run, lanes = prepared(tenant)
        put_back = snapshot()
        drive(lanes)
        assert len(cmic.invoices()) == 3
        known = SyncRun.objects.get(pk=run.pk)
        put_back()
        if taken_up_by == "lane":
            drive(sync_next(run.pk, known.lane_set, known.heartbeat_at))
        else:
            SyncRun.objects.update(heartbeat_at=clock.now() - timedelta(hours=3))
            drive(recover())
        assert len(cmic.invoices()) == 3
        assert [pex.markers(each) for each in purchases] == [1, 1, 1]
        assert SyncRun.objects.get().status == "succeeded"

    def test_a_lane_that_worked_meanwhile_stops_before_it_sends(
        self, tenant, pex, cmic, snapshot, monkeypatch
    ):
        """CMiC does not show yet what was sent: only PEX's markers tell."""
        purchases = [pex.add_purchase(amount=FIVE) for _ in range(3)]
        run, lanes = prepared(tenant)
        put_back = snapshot()
        cmic.visibility_delay = 3600
        drive(lanes[:1])
        assert len(cmic.invoices()) == 3
        known = SyncRun.objects.get(pk=run.pk)
        put_back()
        drive(sync_next(run.pk, known.lane_set, known.heartbeat_at))
        assert len(cmic.invoices()) == 3
        assert [pex.markers(each) for each in purchases] == [1, 1, 1]

    @pytest.mark.parametrize("duplicates", ["accept", "refuse"])
    def test_a_message_from_before_does_not_hide_it(
        self, tenant, pex, cmic, snapshot, duplicates
    ):
        """A lane that waited meanwhile knows nothing newer, and comes first."""
        cmic.duplicates = duplicates
        purchases = [pex.add_purchase(amount=FIVE) for _ in range(3)]
        run, lanes = prepared(tenant)
        put_back = snapshot()
        cmic.visibility_delay = 3600
        drive(lanes[:1])
        known = SyncRun.objects.get(pk=run.pk)
        put_back()
        drive(lanes[1:2])
        drive(sync_next(run.pk, known.lane_set, known.heartbeat_at))
        assert len(cmic.invoices()) == 3
        assert [pex.markers(each) for each in purchases] == [1, 1, 1]

    def test_nor_does_one_that_is_busy_with_a_receipt(
        self, tenant, pex, cmic, snapshot, monkeypatch
    ):
        purchases = [pex.add_purchase(amount=FIVE) for _ in range(3)]
        run, lanes = prepared(tenant)
        fetch, known = sending.fetch_document, []

        def fetch_meanwhile(*arguments):
            if not known:
                known.append(None)
                put_back = snapshot()
                sync_next(run.pk, lanes[1].lane_set, lanes[1].beat)
                known[0] = SyncRun.objects.get(pk=run.pk)
                put_back()
            return fetch(*arguments)

        monkeypatch.setattr(sending, "fetch_document", fetch_meanwhile)
        drive(sync_next(run.pk, lanes[0].lane_set, lanes[0].beat))
        drive(sync_next(run.pk, known[0].lane_set, known[0].heartbeat_at))
        assert len(cmic.invoices()) == 3
        assert [pex.markers(each) for each in purchases] == [1, 1, 1]

    def test_a_young_judgement_is_not_believed_where_lanes_have_died(
        self, tenant, pex, cmic, snapshot
    ):
        purchases = [pex.add_purchase(amount=FIVE) for _ in range(3)]
        prepared(tenant)
        put_back = snapshot()
        cmic.visibility_delay = 3600
        run = SyncRun.objects.get()
        drive(sync_next(run.pk, run.lane_set))
        put_back()
        time_passes(minutes=5)
        SyncRun.objects.update(heartbeat_at=clock.now() - timedelta(minutes=5))
        drive(recover())
        assert len(cmic.invoices()) == 3
        assert [pex.markers(each) for each in purchases] == [1, 1, 1]

    def test_a_refusal_of_what_has_its_marker_is_settled_by_it(self, tenant, pex, cmic):
        purchase = pex.add_purchase(amount=FIVE)
        cmic.faults.set("refuse_upload", times=1, message="Invoice already exists")
        execute(tenant)
        assert row_of(purchase).status == "failed"
        pex.add_note(purchase, f"Synced with CMiC {number_of(purchase)}")
        execute(tenant)
        assert (row_of(purchase).status, cmic.invoices()) == ("completed", [])

    def test_a_lane_that_beat_between_two_lines_is_no_sign_of_it(
        self, tenant, pex, cmic
    ):
        """Two threads of one worker: what the one reads the other has just outdated."""
        pex.add_purchase(amount=FIVE)
        prepared(tenant)
        read, beating = SyncRun.objects.get(), SyncRun.objects.get()
        beating.beat(clock.now())
        assert not read.is_older_than(read.lane_set, None)

    def test_a_heartbeat_that_was_rolled_back_is_none(self, tenant, pex, cmic):
        pex.add_purchase(amount=FIVE)
        run, lanes = prepared(tenant)
        with transaction.atomic():
            run.beat(clock.now() + timedelta(seconds=9))
            transaction.set_rollback(True)
        drive(lanes)
        run = SyncRun.objects.get()
        assert (run.status, len(listings(pex))) == ("succeeded", 1)
