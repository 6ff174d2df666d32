"""What was true when a purchase was judged is still true when it is sent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from connector import clock
from connector.models import FieldMapping, TransactionSettings
from sync.engine.purchase import sending
from sync.engine.run.ending import stop
from sync.engine.run.lanes import sync_next
from sync.engine.run.recovery import recover
from sync.models import Decision, PurchaseSync, SyncRun
from tests.support.driver import (
    codes_of,
    drive,
    execute,
    job_of,
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


class TestWhatChangedMeanwhile:
    def test_what_pex_says_after_a_long_wait_is_what_is_sent(
        self, tenant, pex, cmic, jobs
    ):
        set_up(tenant, approved_only=True)
        marked, rejected, retagged, receipted = (
            pex.add_purchase(amount=FIVE, tags={JOB: jobs[0]}) for _ in range(4)
        )
        run, lanes = prepared(tenant)
        pex.add_note(marked, "Synced with CMiC - entered by hand as voucher 4711")
        pex.change(rejected, approved="Rejected")
        pex.change(retagged, tags={JOB: jobs[1]})
        pex.change(receipted, receipts=["png"])
        time_passes(minutes=16)
        drive(lanes)
        run.refresh_from_db()
        assert run.status == "succeeded"
        assert codes_of(marked) == {"already_synced"}
        assert codes_of(rejected) == {"not_approved"}
        assert job_of(cmic, retagged) == jobs[1]
        (invoice,) = cmic.invoices(number_of(receipted))
        assert b"No Attachment" not in invoice.file
        assert len(cmic.invoices()) == 2
        assert len(listings(pex)) == 2

    def test_a_judgement_that_is_young_enough_is_sent_without_another_list(
        self, tenant, pex, cmic
    ):
        pex.add_purchase(amount=FIVE)
        _, lanes = prepared(tenant)
        time_passes(minutes=14)
        drive(lanes)
        assert len(cmic.invoices()) == len(listings(pex)) == 1

    def test_an_hours_outage_ends_with_what_pex_says_then(
        self, tenant, pex, cmic, jobs
    ):
        purchases = [
            pex.add_purchase(amount=FIVE, tags={JOB: jobs[0]}) for _ in range(9)
        ]
        run, lanes = prepared(tenant)
        cmic.faults.set("maintenance")
        drive(lanes)
        run.refresh_from_db()
        assert run.reason == "outage"
        time_passes(minutes=50)
        purchase = purchases[-1]
        pex.change(purchase, tags={JOB: jobs[1]})
        cmic.faults.clear()
        SyncRun.objects.update(resume_at=clock.now())
        PurchaseSync.objects.update(not_before=None)
        drive(recover())
        assert job_of(cmic, purchase) == jobs[1]

    def test_receipts_that_took_longer_than_a_judgement_holds_are_not_sent(
        self, tenant, pex, cmic, jobs, monkeypatch
    ):
        purchase = pex.add_purchase(amount=FIVE, tags={JOB: jobs[0]}, receipts=["png"])
        _, lanes = prepared(tenant)
        fetch, fetched = sending.fetch_document, []

        def fetch_slowly(context, row, heartbeat):
            if not fetched:
                row.judged_at = clock.now() - timedelta(minutes=16)
                PurchaseSync.objects.update(judged_at=row.judged_at)
                pex.change(purchase, tags={JOB: jobs[1]})
                SyncRun.objects.update(judged_at=row.judged_at)
            fetched.append(row)
            return fetch(context, row, heartbeat)

        monkeypatch.setattr(sending, "fetch_document", fetch_slowly)
        drive(lanes)
        assert len(fetched) == 2
        assert job_of(cmic, purchase) == jobs[1]
        assert row_of(purchase).attempt_count == 1


class TestSettingsThatChanged:
    def test_a_new_company_is_not_sent_codes_of_the_old(self, tenant, pex, cmic, jobs):
        purchases = [pex.add_purchase(amount=FIVE) for _ in range(2)]
        _, lanes = prepared(tenant)
        TransactionSettings.objects.update(company_code="002")
        drive(lanes)
        assert all(invoice.company == "002" for invoice in cmic.invoices())
        for purchase in purchases:
            row = row_of(purchase)
            is_sent = row.status == "completed"
            assert is_sent == bool(cmic.invoices(number_of(purchase)))
            assert is_sent or row.reasons

    def test_a_new_vendors_invoices_are_found_before_anything_is_sent(
        self, tenant, pex, cmic
    ):
        purchase = pex.add_purchase(amount=FIVE)
        vendors = [
            vendor.code
            for vendor in cmic.books.contractor.vendors
            if vendor.company == "001" and vendor.active and vendor.code != "PEX01"
        ]
        today = clock.now().date()
        cmic.add_invoice(number_of(purchase), FIVE, today, vendor=vendors[0])
        _, lanes = prepared(tenant)
        TransactionSettings.objects.update(vendor_code=vendors[0])
        drive(lanes)
        assert len(cmic.invoices(number_of(purchase))) == 1
        assert row_of(purchase).status == "completed"

    def test_stop_and_a_corrected_mapping_hold_for_the_purchase_in_hand(
        self, tenant, pex, cmic, jobs, monkeypatch
    ):
        purchase = pex.add_purchase(amount=FIVE, receipts=["png"])
        run, lanes = prepared(tenant)
        fetch, fresh = sending.fetch_document, []

        def fetch_meanwhile(*arguments):
            if not fresh:
                assert stop(SyncRun.objects.get(pk=run.pk), "sam")
                FieldMapping.objects.filter(tenant=tenant, field="job_dept_eqp").update(
                    default_value=jobs[1]
                )
                fresh.append(prepared(tenant)[1])
            return fetch(*arguments)

        monkeypatch.setattr(sending, "fetch_document", fetch_meanwhile)
        drive(lanes)
        assert cmic.invoices() == []
        drive(fresh[0])
        assert job_of(cmic, purchase) == jobs[1]

    def test_a_change_between_the_receipts_and_the_sending_is_met(
        self, tenant, pex, cmic, jobs, monkeypatch
    ):
        purchase = pex.add_purchase(amount=FIVE)
        _, lanes = prepared(tenant)
        build = sending.content_of

        def build_before_the_change(*arguments):
            content = build(*arguments)
            FieldMapping.objects.filter(tenant=tenant, field="job_dept_eqp").update(
                default_value=jobs[1]
            )
            return content

        monkeypatch.setattr(sending, "content_of", build_before_the_change)
        drive(lanes)
        assert job_of(cmic, purchase) == jobs[1]


class TestSentByAPerson:
    def test_what_is_sent_again_outside_the_window_is_read_and_judged_alone(
        self, tenant, pex, cmic, jobs, sam
    ):
        purchase = pex.add_purchase(
            amount=FIVE,
            tags={JOB: jobs[0]},
            when=clock.now() - timedelta(days=9),
        )
        cmic.faults.set("refuse_upload", times=1, message="This job is wrong")
        execute(tenant)
        assert row_of(purchase).status == "failed"
        pex.change(purchase, tags={JOB: jobs[1]}, receipts=["png"])
        set_up(tenant, start_date=clock.now().date() - timedelta(days=2))
        Decision.objects.make(
            row_of(purchase), Decision.Kind.RETRY, user=sam, why="Tag corrected."
        )
        assert execute(tenant).status == "succeeded"
        assert job_of(cmic, purchase) == jobs[1]
        (invoice,) = cmic.invoices(number_of(purchase))
        assert b"No Attachment" not in invoice.file

    def test_what_is_not_approved_any_more_is_not_sent_again(
        self, tenant, pex, cmic, sam
    ):
        purchase = pex.add_purchase(amount=FIVE, when=clock.now() - timedelta(days=9))
        cmic.faults.set("refuse_upload", times=1, message="This job is wrong")
        execute(tenant)
        pex.change(purchase, approved=False)
        set_up(
            tenant,
            start_date=clock.now().date() - timedelta(days=2),
            approved_only=True,
        )
        Decision.objects.make(
            row_of(purchase), Decision.Kind.RETRY, user=sam, why="Tried again."
        )
        execute(tenant)
        assert cmic.invoices() == []
        assert codes_of(purchase) == {"not_approved"}

    def test_a_retry_within_a_run_is_judged_by_what_pex_says_then(
        self, tenant, pex, cmic, jobs, sam
    ):
        purchase = pex.add_purchase(amount=FIVE, tags={JOB: jobs[0]})
        other = pex.add_purchase(amount=FIVE)
        cmic.faults.set(
            "refuse_upload", times=1, match=number_of(purchase), message="Wrong job"
        )
        run, lanes = prepared(tenant)
        PurchaseSync.objects.filter(pex_transaction_id=other).update(
            not_before=clock.now() + timedelta(hours=1)
        )
        drive(lanes)
        assert row_of(purchase).status == "failed"
        pex.change(purchase, tags={JOB: jobs[1]})
        Decision.objects.make(
            row_of(purchase), Decision.Kind.RETRY, user=sam, why="Tag corrected."
        )
        run.refresh_from_db()
        drive(sync_next(run.pk, run.lane_set, run.heartbeat_at))
        assert job_of(cmic, purchase) == jobs[1]
        assert len(listings(pex)) == 1

    def test_what_pex_does_not_show_any_more_is_not_sent_and_says_so(
        self, tenant, pex, cmic, sam
    ):
        purchase = pex.add_purchase(amount=FIVE)
        cmic.faults.set("refuse_upload", times=1, message="This job is wrong")
        execute(tenant)
        Decision.objects.make(
            row_of(purchase), Decision.Kind.RETRY, user=sam, why="Tried again."
        )
        pex.remove(purchase)
        execute(tenant)
        assert cmic.invoices() == []
        assert "gone_from_pex" in codes_of(purchase)
