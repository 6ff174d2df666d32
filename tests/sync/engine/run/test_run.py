"""Whole runs against both simulators, step by step in this process: what is in the
books afterwards, and what each row says."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from connector.models import Tenant
from sync.engine.run.preparing import prepare
from sync.engine.run.requesting import RunRefusedError, request_run
from sync.models import PurchaseSync, SyncRun
from tests.support.driver import codes_of, drive, execute, number_of, row_of, set_up

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

JOB_TAG = "65f0c1a2b3c4d5e6f7a8b901"
JOB, COST = "Job/Dept/Eqp.", "Cost Code/Account/Category"


def test_a_purchase_becomes_one_invoice_and_gets_one_marker(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("118.40"), tags={JOB: "017401"})
    run = execute(tenant)
    (invoice,) = cmic.invoices()
    assert invoice.number == number_of(purchase)
    assert invoice.amount == Decimal("118.40")
    assert pex.markers(purchase) == 1
    assert invoice.number in "".join(pex.notes(purchase))
    assert (run.status, run.counts["completed"]) == ("succeeded", 1)
    assert row_of(purchase).status == "completed"


def test_a_second_execute_sends_nothing(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    execute(tenant)
    run = execute(tenant)
    assert (run.status, run.counts["completed"], run.counts["waiting"]) == (
        "succeeded",
        1,
        0,
    )
    assert len(cmic.invoices()) == 1
    assert pex.markers(purchase) == 1


def test_a_purchase_that_is_marked_already_is_left_alone(tenant, pex, cmic):
    purchase = pex.add_purchase(
        amount=Decimal("10.00"), note="synced with cmic by the old connector"
    )
    execute(tenant)
    assert cmic.invoices() == []
    assert codes_of(purchase) == {"already_synced"}


def test_a_removed_marker_sends_it_again_under_the_next_number(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    execute(tenant)
    execute(tenant)
    pex.remove_note(purchase)
    execute(tenant)
    numbers = [invoice.number for invoice in cmic.invoices()]
    assert numbers == [number_of(purchase), f"{number_of(purchase)}-2"]
    assert pex.markers(purchase) == 1


def test_a_marker_that_pex_does_not_list_yet_sends_nothing_again(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    pex.faults.set("stale_list")
    execute(tenant)
    execute(tenant)
    assert len(cmic.invoices()) == 1
    pex.faults.clear("stale_list")
    execute(tenant)
    assert len(cmic.invoices()) == 1
    assert pex.markers(purchase) == 1


def test_a_list_that_lost_a_marker_is_not_believed_without_asking(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    execute(tenant)
    execute(tenant)
    pex.override(purchase, TransactionNotes=[])
    execute(tenant)
    assert len(cmic.invoices()) == 1
    row = row_of(purchase)
    assert (row.status, row.generation) == ("completed", 1)


def test_a_list_that_lost_an_older_connectors_marker_is_not_believed(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"), note="Synced with CMiC")
    execute(tenant)
    pex.override(purchase, TransactionNotes=[])
    execute(tenant)
    assert cmic.invoices() == []
    assert codes_of(purchase) == {"already_synced"}


def test_a_restored_row_in_a_dead_workers_hands_is_adopted_too(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    _, step = request_run(tenant, "manual")
    prepare(step.run_id)
    PurchaseSync.objects.update(
        claimed_by="00000000-0000-0000-0000-000000000001",
        claimed_until=timezone.now() - timedelta(hours=1),
    )
    SyncRun.objects.update(status="failed")
    # An invoice of a day that the settings of today would not give it.
    early = timezone.now().date() - timedelta(days=2)
    cmic.add_invoice(number_of(purchase), Decimal("5.00"), early)
    execute(tenant)
    assert len(cmic.invoices()) == 1
    assert row_of(purchase).status == "completed"


def test_split_tags_that_cannot_be_recognised_do_not_become_the_default(
    tenant, pex, cmic
):
    purchase = pex.add_purchase(
        amount=Decimal("5.00"), splits=[(Decimal("5.00"), {JOB: "24.018"})]
    )
    pex.faults.set("tags_off")
    execute(tenant)
    assert cmic.invoices() == []
    assert codes_of(purchase) == {"value_unknown"}
    pex.faults.clear()
    execute(tenant)
    assert cmic.invoices()[0].lines[0]["Aprid_Jobdepteqp_Code"] == "24.018"


def test_the_invoice_carries_each_split_as_a_line(tenant, pex, cmic):
    pex.add_purchase(
        amount=Decimal("118.40"),
        splits=[
            (Decimal("60.00"), {JOB: "017401", COST: "02.100"}),
            (Decimal("58.40"), {JOB: "017401", COST: "02.100"}),
        ],
    )
    execute(tenant)
    (invoice,) = cmic.invoices()
    assert [line["Aprid_Amt"] for line in invoice.lines] == ["60.00", "58.40"]
    assert [line["Aprid_Line_Num"] for line in invoice.lines] == ["1", "2"]


def test_a_refund_is_held_sent_or_left_out_as_the_tenant_says(tenant, pex, cmic):
    refund = pex.add_purchase(amount=Decimal("15.25"), kind="refund")
    execute(tenant)
    assert (row_of(refund).status, codes_of(refund)) == ("blocked", {"refund_held"})
    set_up(tenant, refunds="leave_out")
    execute(tenant)
    assert codes_of(refund) == {"refund_left_out"}
    set_up(tenant, refunds="send")
    execute(tenant)
    (invoice,) = cmic.invoices()
    assert invoice.amount == Decimal("-15.25")
    assert row_of(refund).amount == Decimal("-15.25")


def test_what_does_not_go_says_why(tenant, pex, cmic):
    set_up(tenant, approved_only=True, attachments_only=True)
    pending = pex.add_purchase(amount=Decimal("5.00"), pending=True, approved=True)
    bare = pex.add_purchase(amount=Decimal("6.00"), approved=False)
    pex.add_purchase(amount=Decimal("3.00"), kind="fee")
    execute(tenant)
    assert cmic.invoices() == []
    assert "pending" in codes_of(pending)
    assert codes_of(bare) == {"not_approved", "no_attachment"}
    assert PurchaseSync.objects.count() == 2


@pytest.mark.parametrize(
    ("tags", "reasons"),
    [
        ({JOB: "99.999"}, {"value_unknown"}),
        ({JOB: "016210"}, {"value_inactive"}),
        ({JOB: "017401", COST: "16.100"}, {"combination_invalid"}),
    ],
)
def test_codes_that_cmic_would_refuse_are_not_sent(tenant, pex, cmic, tags, reasons):
    purchase = pex.add_purchase(amount=Decimal("5.00"), tags=tags)
    execute(tenant)
    assert cmic.invoices() == []
    row = row_of(purchase)
    assert row.status == "blocked"
    assert {reason["code"] for reason in row.reasons} & reasons


def test_a_blocked_purchase_goes_by_itself_when_it_is_fixed(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"), tags={JOB: "99.999"})
    assert execute(tenant).counts["blocked"] == 1
    tags = {"Tags": [{"FieldId": JOB_TAG, "Value": "017401"}]}
    pex.override(purchase, TransactionTags=tags)
    assert execute(tenant).counts["completed"] == 1
    assert len(cmic.invoices()) == 1


def test_one_strange_purchase_never_stops_the_others(tenant, pex, cmic):
    good = [pex.add_purchase(amount=Decimal("5.00")) for _ in range(3)]
    strange = {
        "TransactionAmount": "abc",
        "TransactionTime": None,
        "TransactionTags": {"Tags": [{"FieldId": JOB_TAG, "Value": [1]}]},
        "IsPending": "perhaps",
        "SettlementTime": 17,
    }
    odd = []
    for field, value in strange.items():
        purchase = pex.add_purchase(amount=Decimal("7.00"))
        pex.override(purchase, **{field: value})
        odd.append(purchase)
    harmless = pex.add_purchase(amount=Decimal("8.00"))
    pex.override(harmless, TransactionNotes=None, MerchantName="x" * 1_000_000)
    run = execute(tenant)
    assert {invoice.number for invoice in cmic.invoices()} == {
        number_of(each) for each in [*good, harmless]
    }
    assert all(codes_of(each) == {"value_unknown"} for each in odd)
    assert run.counts["blocked"] == len(odd)


def test_invoices_that_cmic_has_already_are_adopted_not_doubled(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    day = timezone.now().date() - timedelta(days=1)
    cmic.add_invoice(number_of(purchase), Decimal("118.40"), day)
    execute(tenant)
    assert len(cmic.invoices()) == 1
    assert row_of(purchase).status == "completed"
    assert pex.markers(purchase) == 1


def test_an_invoice_of_ours_with_another_amount_is_shown_not_doubled(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    cmic.add_invoice(number_of(purchase), Decimal("99.00"), timezone.now().date())
    run = execute(tenant)
    assert len(cmic.invoices()) == 1
    row = row_of(purchase)
    assert (row.status, run.status) == ("failed", "partial")
    assert "99.00" in row.reasons[0]["message"]
    assert "118.40" in row.reasons[0]["message"]


def test_a_run_with_nothing_to_send_does_not_list_cmics_invoices(tenant, pex, cmic):
    pex.add_purchase(amount=Decimal("118.40"))
    execute(tenant)
    cmic.clear_calls()
    execute(tenant)
    assert [call for call in cmic.calls if "apreginv" in call.path] == []


def test_a_window_in_which_all_is_known_costs_the_list_alone(tenant, pex, cmic):
    for number in range(30):
        pex.add_purchase(amount=Decimal(5 + number))
    execute(tenant)
    pex.clear_calls()
    cmic.clear_calls()
    assert execute(tenant).counts["completed"] == 30
    paths = [call.path for call in (*pex.calls, *cmic.calls)]
    assert paths == ["/V4/Details/AllCardholderTransactions"]


def test_receipts_are_asked_for_from_the_first_day_on_which_they_matter(
    tenant, pex, cmic
):
    now = timezone.now()
    pex.add_purchase(amount=Decimal("5.00"), when=now - timedelta(days=40))
    execute(tenant)
    pex.clear_calls()
    pex.add_purchase(amount=Decimal("6.00"), when=now - timedelta(days=3))
    execute(tenant)
    (asked,) = [call for call in pex.calls if call.path.endswith("/Purchases")]
    since = date.fromisoformat(asked.query["MinDate"][:10])
    assert now.date() - since <= timedelta(days=5)


def test_an_empty_database_doubles_nothing(tenant, pex, cmic):
    purchases = [pex.add_purchase(amount=Decimal(5 + n)) for n in range(5)]
    execute(tenant)
    for purchase in purchases[:2]:
        pex.remove_note(purchase)
    PurchaseSync.objects.all().delete()
    SyncRun.objects.all().delete()
    execute(tenant)
    assert len(cmic.invoices()) == 5
    assert [pex.markers(purchase) for purchase in purchases] == [1] * 5


def test_two_executes_at_once_are_one_run(tenant, pex, cmic):
    pex.add_purchase(amount=Decimal("5.00"))
    run, _ = request_run(tenant, "manual")
    with pytest.raises(RunRefusedError, match=f"Run {run.pk} of") as refused:
        request_run(tenant, "manual")
    assert refused.value.active == run


def test_the_same_message_twice_does_its_work_once(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    _, step = request_run(tenant, "manual")
    drive([step, step, step])
    assert len(cmic.invoices()) == 1
    assert pex.markers(purchase) == 1


def test_incomplete_settings_are_refused_in_words(tenant):
    set_up(tenant, vendor_code="")
    with pytest.raises(RunRefusedError, match="vendor for purchases"):
        request_run(Tenant.objects.get(), "manual")


def test_receipts_travel_as_one_document(tenant, pex, cmic):
    png = b"\x89PNG\r\n\x1a\nbroken"
    bad = pex.add_purchase(amount=Decimal("5.00"), receipts=[(png, "Image", "Loaded")])
    execute(tenant)
    (invoice,) = cmic.invoices()
    assert invoice.content_type == "application/pdf"
    assert b"No Attachment" in invoice.file or invoice.file.startswith(b"%PDF")
    assert "damaged PNG" in row_of(bad).warnings[0]


def test_only_with_attachments_holds_back_what_has_no_usable_one(tenant, pex, cmic):
    set_up(tenant, attachments_only=True)
    infected = pex.add_purchase(
        amount=Decimal("5.00"), receipts=[(b"x", "Image", "HasMalware")]
    )
    execute(tenant)
    assert cmic.invoices() == []
    assert codes_of(infected) == {"no_attachment", "receipt_unusable"}


def test_without_the_newer_listing_each_purchase_is_asked_for_receipts(
    tenant, pex, cmic
):
    pex.faults.set("purchases_forbidden")
    pex.add_purchase(amount=Decimal("5.00"))
    assert execute(tenant).status == "succeeded"
    assert len(cmic.invoices()) == 1


@pytest.mark.parametrize("fault", [None, "purchases_forbidden"])
@pytest.mark.parametrize("notes", [{"a": 1}, "none"])
def test_notes_that_cannot_be_read_are_not_taken_for_removed(
    tenant, pex, cmic, fault, notes
):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    execute(tenant)
    execute(tenant)
    pex.override(purchase, TransactionNotes=notes, Notes=notes)
    if fault:
        pex.faults.set(fault)
    execute(tenant)
    assert [each.number for each in cmic.invoices()] == [number_of(purchase)]


def test_a_pending_row_that_names_itself_as_its_authorization_stays(tenant, pex):
    purchase = pex.add_purchase(amount=Decimal("5.00"), pending=True)
    pex.override(purchase, AuthTransactionId=purchase)
    execute(tenant)
    assert codes_of(purchase) == {"pending"}
