"""What was true when a purchase was judged is still true when it is sent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connector import clock
from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.models import FieldMapping, Tenant, TransactionSettings
from connector.models.judging_basis import MATTERS, basis_of
from sync.engine.purchase import sending
from sync.engine.run.ending import stop
from sync.engine.run.lanes import sync_next
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import recover
from sync.engine.run.requesting import request_run
from sync.models import Decision, PurchaseSync, RunOutcome, SyncAttempt, SyncRun
from tests.support.driver import (
    codes_of,
    drive,
    execute,
    number_of,
    row_of,
    set_up,
)

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

JOB = "Job/Dept/Eqp."
LISTING = "AllCardholderTransactions"
FIVE = Decimal("5.00")


@pytest.fixture
def sam(db):
    return User.objects.create_user("sam")


@pytest.fixture
def jobs(tenant, cmic):
    """Codes of open jobs of company 001."""
    refresh_all(tenant, cmic_client(tenant))
    jobs = [job for job in cmic.books.contractor.jobs if job.company == "001"]
    return [job.code for job in jobs if job.status_code != "C"]


def prepared(tenant):
    run, step = request_run(Tenant.objects.get(pk=tenant.pk), "manual")
    lanes = prepare(step.run_id)
    run.refresh_from_db()
    return run, lanes


def job_of(cmic, purchase):
    (invoice,) = cmic.invoices(number_of(purchase))
    return invoice.lines[0]["Aprid_Jobdepteqp_Code"]


def listings(pex):
    return [call for call in pex.calls if call.path.endswith(LISTING)]


def time_passes(**delta):
    """As if the runs had waited so long: everything they know is older by that."""
    PurchaseSync.objects.exclude(judged_at=None).update(
        judged_at=clock.now() - timedelta(**delta)
    )
    SyncRun.objects.active().update(judged_at=clock.now() - timedelta(**delta))


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
        assert "No Attachment" not in invoice.file_name
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
        SyncRun.objects.update(resume_at=timezone.now())
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
        today = timezone.now().date()
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

    def test_every_setting_either_counts_or_is_known_not_to(self, tenant):
        """A new field of these tables has to be put into one of the two."""
        ignored = {
            "TransactionSettings": {"start_date", "end_date", "after_lost_answer"},
            "PexConnection": {
                "token",
                "token_expires_at",
                "checked_token",
                "business_place",
                "former_businesses",
                "business_name",
                "username",
                "tags",
                "cardholders",
                "cardholders_read_at",
            },
            "CmicConnection": {"password", "oauth_client_secret", "modules"},
            "FieldMapping": {
                "sync_options",
                "label",
                "only_statuses",
                "only_prefixes",
                "excluded_codes",
            },
        }
        of_each = {"id", "tenant", "checked_at", "is_ok", "check_message"}
        of_each |= {"credentials_changed_at", "is_disconnected"}
        for model, names in MATTERS.items():
            every = {field.name for field in model._meta.concrete_fields} - of_each
            assert every == set(names) | ignored[model.__name__]

    def test_each_setting_that_counts_changes_the_fingerprint(self, tenant):
        # Makes room for its field in another row.
        FieldMapping.objects.filter(field="cost_type_tran_code").delete()
        seen = {basis_of(tenant.pk)}
        counting = [(model, name) for model, names in MATTERS.items() for name in names]
        for model, name in counting:
            rows = model.objects.filter(tenant=tenant)
            if model is FieldMapping:
                has_tag = name in ("field", "tag", "default_value")
                rows = rows.exclude(tag="") if has_tag else rows.filter(tag="")
            row = rows.order_by("pk").last()
            choices = [key for key, _ in model._meta.get_field(name).choices or ()]
            model.objects.filter(pk=row.pk).update(
                **{name: _other(getattr(row, name), choices[::-1])}
            )
            seen.add(basis_of(tenant.pk))
        assert len(seen) == 1 + len(counting)


def _other(value, choices):
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {"header": "ANOTHER"}
    if value is None or isinstance(value, int):
        return (value or 0) + 1
    return next((each for each in choices if each != value), f"{value}x"[-8:])


class TestSentByAPerson:
    def test_what_is_sent_again_outside_the_window_is_read_and_judged_alone(
        self, tenant, pex, cmic, jobs, sam
    ):
        purchase = pex.add_purchase(
            amount=FIVE,
            tags={JOB: jobs[0]},
            when=timezone.now() - timedelta(days=9),
        )
        cmic.faults.set("refuse_upload", times=1, message="This job is wrong")
        execute(tenant)
        assert row_of(purchase).status == "failed"
        pex.change(purchase, tags={JOB: jobs[1]}, receipts=["png"])
        set_up(tenant, start_date=timezone.now().date() - timedelta(days=2))
        Decision.objects.make(
            row_of(purchase), Decision.Kind.RETRY, user=sam, why="Tag corrected."
        )
        assert execute(tenant).status == "succeeded"
        assert job_of(cmic, purchase) == jobs[1]
        (invoice,) = cmic.invoices(number_of(purchase))
        assert "No Attachment" not in invoice.file_name

    def test_what_is_not_approved_any_more_is_not_sent_again(
        self, tenant, pex, cmic, sam
    ):
        purchase = pex.add_purchase(
            amount=FIVE, when=timezone.now() - timedelta(days=9)
        )
        cmic.faults.set("refuse_upload", times=1, message="This job is wrong")
        execute(tenant)
        pex.change(purchase, approved=False)
        set_up(
            tenant,
            start_date=timezone.now().date() - timedelta(days=2),
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
            not_before=timezone.now() + timedelta(hours=1)
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
            SyncRun.objects.update(resume_at=timezone.now())
            drive(recover())
        assert len(listings(pex)) == 1
        cmic.faults.clear()
        SyncRun.objects.update(resume_at=timezone.now())
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
        SyncRun.objects.update(resume_at=timezone.now())
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
