"""Runs in which the other side fails: nothing is lost and nothing doubled."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from urllib.parse import urljoin

import pytest
from django.utils import timezone

from connector import clock
from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.models import CmicConnection
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import recover
from sync.engine.run.requesting import request_run
from sync.engine.steps import Step
from sync.models import PurchaseSync, SyncRun
from tests.support.driver import codes_of, drive, execute, number_of, row_of, set_up

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("reset_after_store", {}),
        ("server_error_after_store", {}),
        ("garbage_ok", {"stored": True}),
    ],
)
def test_a_lost_answer_is_looked_up_and_found(tenant, pex, cmic, fault, params):
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    cmic.faults.set(fault, times=1, match=number_of(purchase), **params)
    execute(tenant)
    assert len(cmic.invoices()) == 1
    assert row_of(purchase).status == "completed"
    assert pex.markers(purchase) == 1


def test_an_answer_lost_for_good_waits_for_a_person(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    cmic.faults.set("reset_before_store", times=1, match=number_of(purchase))
    run = execute(tenant)
    row = row_of(purchase)
    assert (row.status, row.needs_person) == ("posting", True)
    assert codes_of(purchase) == {"lost_answer"}
    assert (run.status, run.counts["waiting"]) == ("partial", 0)
    assert execute(tenant).status == "partial"
    assert cmic.invoices() == []


def test_a_tenant_may_have_it_sent_again_under_the_same_number(tenant, pex, cmic):
    set_up(tenant, after_lost_answer="send_again")
    before = pex.add_purchase(amount=Decimal("4.00"))
    execute(tenant)
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    cmic.faults.set("reset_before_store", times=1, match=number_of(purchase))
    run = execute(tenant)
    numbers = [each.number for each in cmic.invoices()]
    assert sorted(numbers) == sorted([number_of(before), number_of(purchase)])
    assert run.status == "succeeded"


@pytest.mark.parametrize("has_sent_before", [True, False])
def test_absence_means_nothing_where_cmic_shows_no_invoice_of_ours(
    tenant, pex, cmic, has_sent_before
):
    set_up(tenant, after_lost_answer="send_again")
    cmic.visibility_delay = 10**7
    if has_sent_before:
        pex.add_purchase(amount=Decimal("4.00"))
        execute(tenant)
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    cmic.faults.set("reset_after_store", times=1, match=number_of(purchase))
    execute(tenant)
    assert len(cmic.invoices(number_of(purchase))) == 1
    assert codes_of(purchase) == {"lost_answer"}


SAYS_NO = [
    [{"status": "Error", "errorMessage": "Job is closed"}],
    {"result": {"status": "Error", "errorMessage": "Job is closed"}},
    {"Status": "Error", "ErrorMessage": "Job is closed"},
    {"errors": [{"message": "Job is closed"}]},
    {"success": False, "message": "Job is closed"},
]
SAYS_NOTHING = ["Service temporarily unavailable", "", {}, {"status": "Success"}]


@pytest.mark.parametrize("body", SAYS_NO)
def test_an_error_in_a_2xx_is_a_refusal_once_a_look_up_says_absent(
    tenant, pex, cmic, body
):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    cmic.faults.set("error_in_ok", body=body)
    run = execute(tenant)
    row = row_of(purchase)
    assert (run.status, row.status) == ("partial", "failed")
    assert codes_of(purchase) == {"refused_by_cmic"}
    assert row.reasons[0]["message"] == "CMiC refused the invoice: Job is closed"
    assert (cmic.invoices(), pex.markers(purchase)) == ([], 0)


@pytest.mark.parametrize("body", SAYS_NOTHING)
def test_a_2xx_that_proves_nothing_is_no_yes(tenant, pex, cmic, body):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    cmic.faults.set("error_in_ok", body=body)
    execute(tenant)
    assert row_of(purchase).status == "posting"
    assert (cmic.invoices(), pex.markers(purchase)) == ([], 0)


def test_an_error_in_the_2xx_of_every_purchase_is_no_outage(tenant, pex, cmic):
    purchases = [pex.add_purchase(amount=Decimal("5.00")) for _ in range(30)]
    cmic.faults.set("error_in_ok", message="Cost Code is not valid for job")
    run = execute(tenant)
    assert (run.status, run.reason, run.counts["failed"]) == ("partial", "", 30)
    assert all(codes_of(each) == {"refused_by_cmic"} for each in purchases)


def test_an_error_in_a_2xx_of_what_cmic_has_all_the_same_is_no_refusal(
    tenant, pex, cmic
):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    _, step = request_run(tenant, "manual")
    lanes = prepare(step.run_id)
    cmic.add_invoice(number_of(purchase), Decimal("5.00"), timezone.now().date())
    cmic.faults.set("error_in_ok", message="Imaging is slow")
    pex.add_note(purchase, "Synced with CMiC by hand")
    drive(lanes)
    assert row_of(purchase).status == "completed"
    assert (len(cmic.invoices()), pex.markers(purchase)) == (1, 1)


def test_a_refusal_fails_that_purchase_with_cmics_sentence(tenant, pex, cmic):
    bad = pex.add_purchase(amount=Decimal("5.00"))
    good = pex.add_purchase(amount=Decimal("6.00"))
    cmic.faults.set(
        "refuse_upload", match=number_of(bad), message="The period is closed."
    )
    run = execute(tenant)
    assert run.status == "partial"
    assert codes_of(bad) == {"refused_by_cmic"}
    assert "The period is closed." in row_of(bad).reasons[0]["message"]
    assert row_of(good).status == "completed"


@pytest.mark.parametrize("fault", ["note_500_after_store", "note_reset_after_store"])
def test_a_note_whose_answer_was_lost_is_not_written_twice(tenant, pex, cmic, fault):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    pex.faults.set(fault, times=1)
    execute(tenant)
    row = row_of(purchase)
    assert row.status == "posted"
    PurchaseSync.objects.update(not_before=None)
    engine_steps(tenant)
    assert row_of(purchase).status == "completed"
    assert pex.markers(purchase) == 1
    assert len(cmic.invoices()) == 1


def engine_steps(tenant):
    """What `recover` would send once the run's waiting time is over."""
    run = SyncRun.objects.active().get(tenant=tenant)
    drive([Step(run.pk, run.queue, run.lane_set)])


def test_a_dead_token_ends_the_run_with_that_reason(tenant, pex, cmic):
    pex.add_purchase(amount=Decimal("5.00"))
    pex.faults.set("token_expired", status=403)
    run = execute(tenant)
    assert (run.status, run.reason) == ("failed", "credentials_refused")
    assert cmic.invoices() == []


def test_wrong_cmic_credentials_end_the_run_and_spoil_no_purchase(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    refresh_all(tenant, cmic_client(tenant))
    cmic.faults.set("unauthorised", match="uploadApRegInvoice")
    run = execute(tenant)
    assert (run.status, run.reason) == ("failed", "credentials_refused")
    row = row_of(purchase)
    assert (row.status, row.attempt_count) == ("pending", 0)
    cmic.faults.clear()
    assert execute(tenant).status == "succeeded"
    assert len(cmic.invoices()) == 1


def test_an_outage_pauses_the_run_and_it_goes_on_by_itself(tenant, pex, cmic):
    purchases = [pex.add_purchase(amount=Decimal("5.00")) for _ in range(8)]
    cmic.faults.set("maintenance")
    run = execute(tenant)
    assert (run.status, run.reason) == ("running", "outage")
    cmic.faults.clear()
    SyncRun.objects.update(resume_at=clock.now())
    drive(recover())
    run.refresh_from_db()
    assert (run.status, run.reason) == ("succeeded", "")
    assert len(cmic.invoices()) == len(purchases)


def test_pexs_list_is_not_asked_while_cmic_is_away(tenant, pex, cmic):
    pex.add_purchase(amount=Decimal("5.00"))
    cmic.faults.set("maintenance")
    run = execute(tenant)
    for _ in range(4):
        SyncRun.objects.update(resume_at=clock.now())
        drive(recover())
    listings = [call for call in pex.calls if "AllCardholder" in call.path]
    assert listings == []
    cmic.faults.clear()
    SyncRun.objects.update(resume_at=clock.now())
    drive(recover())
    run.refresh_from_db()
    assert run.status == "succeeded"
    assert len(cmic.invoices()) == 1


@pytest.mark.parametrize("fault", ["attachment_error", "note_500_before_store"])
def test_purchases_that_fail_for_ever_do_not_hold_up_the_others(
    tenant, pex, cmic, fault
):
    bad = [pex.add_purchase(amount=Decimal("5.00"), receipts=["pdf"]) for _ in range(2)]
    good = [pex.add_purchase(amount=Decimal("6.00")) for _ in range(3)]
    for purchase in bad:
        pex.faults.set(fault, match=str(purchase))
    run = execute(tenant)
    for _ in range(12):
        SyncRun.objects.active().update(resume_at=clock.now())
        PurchaseSync.objects.exclude(not_before=None).update(not_before=None)
        drive(recover())
    run.refresh_from_db()
    assert {row_of(each).status for each in good} == {"completed"}
    assert (run.status, run.counts["waiting"]) == ("partial", 2)
    assert all(codes_of(each) == {"outage"} for each in bad)


def test_a_glitch_at_download_does_not_cost_the_receipt(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"), receipts=["png"])
    pex.faults.set("garbage_ok", times=1, match="/Attachment/")
    execute(tenant)
    PurchaseSync.objects.update(not_before=None)
    engine_steps(tenant)
    (invoice,) = cmic.invoices()
    assert [invoice.file] == pex.receipt_bytes(purchase)


def test_settings_removed_in_the_middle_end_the_run_and_send_nothing(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    run, step = request_run(tenant, "manual")
    lanes = prepare(step.run_id)
    CmicConnection.objects.update(username="")
    drive(lanes)
    run.refresh_from_db()
    assert (run.status, row_of(purchase).status) == ("failed", "pending")
    assert "user name is missing" in run.message


def test_a_dead_host_is_asked_five_times_at_most(tenant, pex, cmic):
    for _ in range(20):
        pex.add_purchase(amount=Decimal("5.00"))
    refresh_all(tenant, cmic_client(tenant))
    cmic.faults.set("server_error", match="uploadApRegInvoice", status=503)
    run = execute(tenant)
    assert (run.status, run.reason) == ("running", "outage")
    uploads = [call for call in cmic.calls if call.method == "POST"]
    assert len(uploads) <= 5
    cmic.clear_calls()
    SyncRun.objects.update(resume_at=clock.now())
    drive(recover())
    assert len([call for call in cmic.calls if call.method == "POST"]) <= 2


def test_an_outage_of_an_hour_ends_the_run_and_the_purchases_stay(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    cmic.faults.set("server_error", match="uploadApRegInvoice", status=503)
    refresh_all(tenant, cmic_client(tenant))
    cmic.faults.set("maintenance")
    run = execute(tenant)
    SyncRun.objects.update(
        resume_at=clock.now(), paused_at=timezone.now() - timedelta(hours=2)
    )
    drive(recover())
    run.refresh_from_db()
    assert (run.status, run.reason) == ("failed", "outage")
    row = row_of(purchase)
    assert row.status == "pending"


def test_a_wrong_token_address_ends_the_run_at_once_and_says_so(tenant, pex, cmic):
    connection = tenant.cmic
    connection.auth = "oauth"
    connection.token_url = urljoin(cmic.url, "/elsewhere/token")
    connection.oauth_client_id = "sandbox-client"
    connection.oauth_client_secret = "sandbox-secret"
    connection.save()
    pex.add_purchase(amount=Decimal("5.00"))
    run = execute(tenant)
    assert (run.status, run.reason) == ("failed", "credentials_refused")
    assert f"{connection.token_url} does not exist: it answers 404." in run.message
    assert "Correct it under Manage credentials" in run.message
    assert cmic.invoices() == []
