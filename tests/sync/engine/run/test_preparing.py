"""Lanes start after preparing only: in remembered stages, and adopting first."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connector import clock
from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from sync.engine.run.lanes import sync_next
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import recover
from sync.engine.run.requesting import request_run
from sync.models import PurchaseSync, RunOutcome, SyncAttempt, SyncRun
from tests.support.driver import drive, execute, number_of, prepared, row_of
from tests.sync.engine.run.test_moment_of_sending import listings

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

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
            SyncRun.objects.update(heartbeat_at=timezone.now() - timedelta(hours=3))
            drive(recover())
        assert len(cmic.invoices()) == 3
        assert [pex.markers(each) for each in purchases] == [1, 1, 1]
        assert SyncRun.objects.get().status == "succeeded"

    def test_a_lane_that_worked_meanwhile_stops_before_it_sends(
        self, tenant, pex, cmic, snapshot
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

    def test_every_start_of_lanes_adopts_first(self, tenant, pex, cmic):
        purchase = pex.add_purchase(amount=FIVE)
        prepared(tenant)
        # A clerk gave it a date of another month.
        cmic.add_invoice(
            number_of(purchase), FIVE, timezone.now().date() - timedelta(days=80)
        )
        SyncRun.objects.update(heartbeat_at=timezone.now() - timedelta(hours=3))
        drive(recover())
        assert len(cmic.invoices()) == 1
        assert row_of(purchase).status == "completed"
        assert len(listings(pex)) == 1


def beats(queries):
    return [each for each in queries if 'SET "heartbeat_at"' in each["sql"]]


class TestLongWork:
    """A heartbeat is due after a tenth of a lease: here at every call."""

    def test_every_page_of_a_long_list_shows_that_the_run_is_alive(
        self, tenant, pex, cmic, settings
    ):
        refresh_all(tenant, cmic_client(tenant))
        for hours in range(30):
            pex.add_purchase(
                amount=FIVE, when=timezone.now() - timedelta(days=2, hours=hours)
            )
        pex.page_size = 5
        _run, step = request_run(tenant, "manual")
        settings.LEASE_SECONDS = 0.0
        with CaptureQueriesContext(connection) as queries:
            prepare(step.run_id)
        pages = len(listings(pex))
        assert pages >= 6
        assert len(beats(queries)) >= pages

    def test_every_receipt_shows_that_run_and_purchase_are_worked_on(
        self, tenant, pex, cmic, settings
    ):
        refresh_all(tenant, cmic_client(tenant))
        purchase = pex.add_purchase(amount=FIVE, receipts=["png"] * 7)
        run, _lanes = prepared(tenant)
        settings.LEASE_SECONDS = 0.0
        with CaptureQueriesContext(connection) as queries:
            sync_next(run.pk, run.lane_set)
        renewed = [each for each in queries if 'SET "status"' in each["sql"]]
        assert len(beats(queries)) >= 8
        assert len(renewed) >= 8
        assert row_of(purchase).status == "completed"


class TestStagesOfPreparing:
    def test_a_hiccup_in_adoption_costs_no_second_list(self, tenant, pex, cmic):
        refresh_all(tenant, cmic_client(tenant))
        pex.add_purchase(amount=FIVE)
        cmic.faults.set("lookup_error", status=503)
        run, _ = prepared(tenant)
        assert run.reason == "outage"
        for _ in range(2):
            SyncRun.objects.update(resume_at=clock.now())
            drive(recover())
        assert len(listings(pex)) == 1
        cmic.faults.clear()
        SyncRun.objects.update(resume_at=clock.now())
        drive(recover())
        run.refresh_from_db()
        assert (run.status, len(cmic.invoices())) == ("succeeded", 1)
        assert len(listings(pex)) == 1

    def test_a_look_up_that_is_refused_for_good_is_a_remark_and_no_outage(
        self, tenant, pex, cmic
    ):
        refresh_all(tenant, cmic_client(tenant))
        pex.add_purchase(amount=FIVE)
        cmic.faults.set("lookup_error", status=400)
        run = execute(tenant)
        assert (run.status, run.reason) == ("succeeded", "")
        assert "cannot be recognised" in run.message
        assert len(cmic.invoices()) == 1

    def test_an_outage_that_is_over_keeps_what_preparing_had_to_say(
        self, tenant, pex, cmic
    ):
        refresh_all(tenant, cmic_client(tenant))
        for _ in range(9):
            pex.add_purchase(amount=FIVE)
        run, lanes = prepared(tenant)
        run.remember("judging", ["PEX does not show its tags."])
        cmic.faults.set("maintenance")
        drive(lanes)
        run.refresh_from_db()
        assert run.reason == "outage"
        SyncRun.objects.update(resume_at=clock.now())
        PurchaseSync.objects.update(not_before=None)
        cmic.faults.clear()
        drive(recover())
        run.refresh_from_db()
        assert run.reason == ""
        assert run.message == "PEX does not show its tags."

    def test_a_run_that_is_begun_anew_in_vain_ends_and_says_so(self, tenant, pex):
        pex.add_purchase(amount=FIVE)
        run, _ = prepared(tenant)
        for _ in range(3):
            assert run.is_active
            SyncRun.objects.update(heartbeat_at=timezone.now() - timedelta(hours=3))
            for step in recover():
                prepare(step.run_id)
            run.refresh_from_db()
        assert run.status == "failed"
        assert "begun anew 3 times" in run.message

    def test_a_bound_that_no_list_can_keep_ends_the_run_and_says_so(
        self, tenant, pex, cmic, settings
    ):
        settings.JUDGEMENT_GOOD_FOR = 0.001
        pex.add_purchase(amount=FIVE)
        run = execute(tenant)
        assert run.status == "failed"
        assert "may be old" in run.message
        assert cmic.invoices() == []
