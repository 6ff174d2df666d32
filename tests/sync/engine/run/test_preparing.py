"""Lanes start after preparing only: in remembered stages, and adopting first."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connector import clock
from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from sync.engine.judging import context
from sync.engine.run.lanes import sync_next
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import recover
from sync.engine.run.requesting import request_run
from sync.models import Decision, PurchaseSync, SyncRun
from tests.support.driver import (
    LISTING,
    codes_of,
    drive,
    execute,
    listings,
    number_of,
    prepared,
    row_of,
    set_up,
    time_passes,
)

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

JOB = "Job/Dept/Eqp."
FIVE = Decimal("5.00")


def beats(queries):
    return [each for each in queries if 'SET "heartbeat_at"' in each["sql"]]


class TestLongWork:
    """A heartbeat is due after a part of a lease: here at every call."""

    @pytest.fixture(autouse=True)
    def at_every_call(self, monkeypatch):
        monkeypatch.setattr(context, "_BEATS_A_LEASE", 10**9)

    def test_every_page_of_a_long_list_shows_that_the_run_is_alive(
        self, tenant, pex, cmic
    ):
        refresh_all(tenant, cmic_client(tenant))
        for hours in range(30):
            pex.add_purchase(
                amount=FIVE, when=clock.now() - timedelta(days=2, hours=hours)
            )
        pex.page_size = 5
        _run, step = request_run(tenant, "manual")
        with CaptureQueriesContext(connection) as queries:
            prepare(step.run_id)
        pages = len(listings(pex))
        assert pages >= 6
        assert len(beats(queries)) >= pages

    def test_every_receipt_shows_that_run_and_purchase_are_worked_on(
        self, tenant, pex, cmic
    ):
        refresh_all(tenant, cmic_client(tenant))
        purchase = pex.add_purchase(amount=FIVE, receipts=["png"] * 7)
        run, _lanes = prepared(tenant)
        with CaptureQueriesContext(connection) as queries:
            sync_next(run.pk, run.lane_set)
        renewed = [each for each in queries if 'SET "status"' in each["sql"]]
        assert len(beats(queries)) >= 8
        assert len(renewed) >= 8
        assert row_of(purchase).status == "completed"


class TestStagesOfPreparing:
    def test_every_start_of_lanes_adopts_first(self, tenant, pex, cmic):
        purchase = pex.add_purchase(amount=FIVE)
        prepared(tenant)
        # A clerk gave it a date of another month.
        cmic.add_invoice(
            number_of(purchase), FIVE, clock.now().date() - timedelta(days=80)
        )
        SyncRun.objects.update(heartbeat_at=clock.now() - timedelta(hours=3))
        drive(recover())
        assert len(cmic.invoices()) == 1
        assert row_of(purchase).status == "completed"

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

    def listed_by_date_in_pages(self, tenant, pex, cmic, monkeypatch):
        """Two purchases; CMiC refuses to be asked for several numbers at once."""
        refresh_all(tenant, cmic_client(tenant))
        monkeypatch.setattr("connector.api.cmic.client.PAGE_SIZE", 5)
        for number in range(8):
            cmic.add_invoice(f"CLERK-{number}", "1.00", clock.now().date())
        cmic.faults.set("lookup_error", status=400, match=" or ")
        purchases = [pex.add_purchase(amount=FIVE) for _ in range(2)]
        return purchases, *prepared(tenant)

    def test_a_list_of_several_pages_is_no_proof_that_cmic_has_it_not(
        self, tenant, pex, cmic, monkeypatch
    ):
        pages = self.listed_by_date_in_pages(tenant, pex, cmic, monkeypatch)
        (there, other), run, lanes = pages
        assert "looked up by its number before it is sent" in run.message
        cmic.add_invoice(number_of(there), FIVE, clock.now().date())
        drive(lanes)
        assert len(cmic.invoices(number_of(there))) == 1
        assert len(cmic.invoices(number_of(other))) == 1
        assert row_of(there).status == row_of(other).status == "completed"
        assert row_of(there).attempt_count == 0

    @pytest.mark.parametrize("fault", [{"status": 503}, {"status": 500}])
    def test_a_number_that_cmic_fails_at_is_not_taken_for_absent(
        self, tenant, pex, cmic, monkeypatch, fault
    ):
        pages = self.listed_by_date_in_pages(tenant, pex, cmic, monkeypatch)
        (there, other), _, lanes = pages
        # A clerk gave it a date of another quarter.
        cmic.add_invoice(
            number_of(there), FIVE, clock.now().date() - timedelta(days=80)
        )
        cmic.faults.set("lookup_error", times=2, match=number_of(there), **fault)
        drive(lanes)
        assert len(cmic.invoices(number_of(there))) == 1
        PurchaseSync.objects.update(not_before=None)
        SyncRun.objects.update(resume_at=clock.now(), heartbeat_at=None)
        drive(recover())
        assert len(cmic.invoices(number_of(there))) == 1
        assert row_of(there).status == "completed"
        assert row_of(there).attempt_count == 0
        assert len(cmic.invoices(number_of(other))) == 1

    def test_what_a_clerk_has_dated_anew_is_found_where_only_dates_are_answered(
        self, tenant, pex, cmic
    ):
        refresh_all(tenant, cmic_client(tenant))
        cmic.faults.set("lookup_error", status=400, match=" or ")
        there, other = (pex.add_purchase(amount=FIVE) for _ in range(2))
        cmic.add_invoice(
            number_of(there), FIVE, clock.now().date() - timedelta(days=80)
        )
        run = execute(tenant)
        assert run.status == "succeeded"
        assert "looked up by its number before it is sent" in run.message
        assert len(cmic.invoices(number_of(there))) == 1
        assert len(cmic.invoices(number_of(other))) == 1

    def test_where_cmic_answers_about_no_number_its_list_must_do(
        self, tenant, pex, cmic, monkeypatch
    ):
        cmic.faults.set("lookup_error", status=400, match="InvCode")
        pages = self.listed_by_date_in_pages(tenant, pex, cmic, monkeypatch)
        purchases, run, lanes = pages
        drive(lanes)
        run.refresh_from_db()
        assert run.status == "succeeded"
        for purchase in purchases:
            assert len(cmic.invoices(number_of(purchase))) == 1

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
            SyncRun.objects.update(heartbeat_at=clock.now() - timedelta(hours=3))
            for step in recover():
                prepare(step.run_id)
            run.refresh_from_db()
        assert run.status == "failed"
        assert "started again 3 times" in run.message

    def test_a_bound_that_no_list_can_keep_ends_the_run_and_says_so(
        self, tenant, pex, cmic, settings
    ):
        settings.JUDGEMENT_GOOD_FOR = 0.001
        pex.add_purchase(amount=FIVE)
        run = execute(tenant)
        assert run.status == "failed"
        assert "must be read again" in run.message
        assert cmic.invoices() == []

    def test_a_hiccup_of_what_is_asked_after_the_list_costs_no_second_list(
        self, tenant, pex, cmic
    ):
        refresh_all(tenant, cmic_client(tenant))
        pex.add_purchase(amount=FIVE, receipts=["png"])
        pex.faults.set("server_error", match="Cardholder/Purchases", status=503)
        assert execute(tenant).status == "succeeded"
        assert len(listings(pex)) == 1
        assert b"No Attachment" not in cmic.invoices()[0].file

    def test_an_outage_that_preparing_has_waited_out_is_over(self, tenant, pex, cmic):
        refresh_all(tenant, cmic_client(tenant))
        pex.add_purchase(amount=FIVE)
        pex.faults.set("server_error", match=LISTING, status=503, times=2)
        run, step = request_run(tenant, "manual")
        assert prepare(step.run_id)[0].delay == 5
        SyncRun.objects.update(resume_at=clock.now())
        (lane,) = prepare(step.run_id)
        run.refresh_from_db()
        assert lane.lane_set is not None
        assert (run.reason, run.paused_at) == ("", None)

    def test_what_this_run_has_held_back_is_not_tried_again_before_the_others(
        self, tenant, pex, cmic
    ):
        refresh_all(tenant, cmic_client(tenant))
        refused = pex.add_purchase(amount=FIVE, receipts=["png"])
        good = pex.add_purchase(amount=FIVE)
        pex.faults.set("server_error", match=f"{refused}/Attachment", status=403)
        run, lanes = prepared(tenant)
        waiting = PurchaseSync.objects.filter(pex_transaction_id=good)
        waiting.update(not_before=clock.now() + timedelta(hours=1))
        drive(lanes)
        assert codes_of(refused) == {"receipt_unusable"}
        asked = len(pex.calls)
        time_passes(minutes=16)
        waiting.update(not_before=None)
        run.refresh_from_db()
        drive(sync_next(run.pk, run.lane_set, run.heartbeat_at))
        assert row_of(good).status == "completed"
        assert codes_of(refused) == {"receipt_unusable"}
        paths = [call.path for call in pex.calls[asked:]]
        assert not any(f"{refused}/Attachment" in path for path in paths)

    def test_what_this_run_has_held_back_is_tried_again_once_pex_says_otherwise(
        self, tenant, pex, cmic
    ):
        refresh_all(tenant, cmic_client(tenant))
        refused = pex.add_purchase(amount=FIVE, receipts=["png"])
        good = pex.add_purchase(amount=FIVE)
        pex.faults.set("server_error", match=f"{refused}/Attachment", status=403)
        run, lanes = prepared(tenant)
        PurchaseSync.objects.filter(pex_transaction_id=good).update(
            not_before=clock.now() + timedelta(hours=1)
        )
        drive(lanes)
        pex.faults.clear()
        pex.change(refused, amount=Decimal("6.00"))
        time_passes(minutes=16)
        PurchaseSync.objects.update(not_before=None)
        run.refresh_from_db()
        drive(sync_next(run.pk, run.lane_set, run.heartbeat_at))
        assert cmic.invoices(number_of(refused))[0].amount == Decimal("6.00")

    def test_what_the_second_list_of_a_run_lacks_is_not_sent(self, tenant, pex, cmic):
        refresh_all(tenant, cmic_client(tenant))
        purchases = [pex.add_purchase(amount=FIVE) for _ in range(23)]
        prepared(tenant)
        gone = purchases[0]
        # So many without a judgement are listed anew.
        PurchaseSync.objects.exclude(pex_transaction_id=gone).update(judged_at=None)
        pex.remove(gone)
        later = PurchaseSync.objects.filter(pex_transaction_id=gone)
        later.update(not_before=clock.now() + timedelta(hours=1))
        run = SyncRun.objects.get()
        drive(sync_next(run.pk, run.lane_set, run.heartbeat_at))
        assert len(listings(pex)) == 2
        assert cmic.invoices(number_of(gone)) == []
        assert "gone_from_pex" in codes_of(gone)
        assert len(cmic.invoices()) == 22


class TestStartsThatAreNotInVain:
    def test_a_look_up_that_was_answered_is_progress(self, tenant, pex, cmic, settings):
        settings.LOST_ANSWER_DELAYS = [60, 300, 900, 3600, 3600]
        refresh_all(tenant, cmic_client(tenant))
        pex.add_purchase(amount=FIVE)
        cmic.faults.set("reset_after_store", times=1)
        cmic.visibility_delay = 36_000
        run, lanes = prepared(tenant)
        drive(lanes)
        for _ in range(4):
            PurchaseSync.objects.update(not_before=None)
            SyncRun.objects.update(
                heartbeat_at=clock.now() - timedelta(hours=1), resume_at=None
            )
            drive(recover())
            run.refresh_from_db()
            assert run.is_active, run.message

    def test_what_a_person_sends_again_in_vain_ends_no_run(
        self, tenant, pex, cmic, sam
    ):
        set_up(tenant, approved_only=True)
        refused = [pex.add_purchase(amount=FIVE) for _ in range(4)]
        waiting = pex.add_purchase(amount=FIVE)
        cmic.faults.set("refuse_upload", times=4, message="Wrong job")
        run, lanes = prepared(tenant)
        PurchaseSync.objects.filter(pex_transaction_id=waiting).update(
            not_before=clock.now() + timedelta(hours=1)
        )
        drive(lanes)
        for purchase in refused:
            pex.change(purchase, approved="Rejected")
            Decision.objects.make(
                row_of(purchase), Decision.Kind.RETRY, user=sam, why="Once more."
            )
            run.refresh_from_db()
            drive(sync_next(run.pk, run.lane_set, run.heartbeat_at))
            assert codes_of(purchase) == {"not_approved"}
        run.refresh_from_db()
        assert run.status == "running"
