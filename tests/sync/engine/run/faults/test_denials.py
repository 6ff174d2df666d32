"""A refusal of one purchase is its own; of everything, it ends the run."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.models import CmicConnection, FieldMapping, PexConnection, Tenant
from sync.engine.preview.previews import make_preview, request_preview
from sync.models import PurchaseSync, Status
from tests.support.driver import (
    codes_of,
    drive,
    execute,
    number_of,
    prepared,
    row_of,
)
from tests.sync.engine.run.faults.test_outages import go_on, posts

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")


@pytest.fixture
def two(tenant, pex, cmic):
    """Two purchases that PEX takes no note for."""
    purchases = [pex.add_purchase(amount=Decimal("5.00")) for _ in range(2)]
    for each in purchases:
        pex.faults.set("note_forbidden", match=str(each))
    return purchases


def test_two_notes_that_pex_refuses_stop_no_other_purchase(tenant, pex, two):
    run = execute(tenant)
    assert (run.status, run.counts["waiting"]) == ("partial", 2)
    others = [pex.add_purchase(amount=Decimal("6.00")) for _ in range(5)]
    run = execute(tenant)
    assert (run.status, run.reason) == ("partial", "")
    assert {row_of(each).status for each in others} == {"completed"}
    assert [pex.markers(each) for each in others] == [1] * 5


def test_a_note_that_pex_refuses_at_a_second_sync_asks_a_person(tenant, pex, cmic, two):
    execute(tenant)
    assert not PurchaseSync.objects.filter(needs_person=True).exists()
    run = execute(tenant)
    assert (run.counts["blocked"], run.counts["waiting"]) == (2, 0)
    row = row_of(two[0])
    assert (row.status, row.needs_person) == ("posted", True)
    assert codes_of(two[0]) == {"credentials_refused"}
    assert "ModifyTransactionNotes" in row.reasons[0]["message"]
    pex.clear_calls()
    assert execute(tenant).counts["blocked"] == 2
    assert posts(pex, "Note") == []
    assert len(cmic.invoices()) == 2


def test_a_run_whose_markers_ask_a_person_is_partial_and_can_be_read_afterwards(
    tenant, pex, two
):
    execute(tenant)
    execute(tenant)
    run = execute(tenant)
    assert run.status == "partial"
    outcomes = run.outcomes.values_list("status", flat=True)
    assert list(outcomes) == [Status.POSTED, Status.POSTED]
    assert run.counts["blocked"] == 2


@pytest.mark.parametrize("fault", ["purchases_forbidden", "purchases_missing"])
def test_notes_that_pex_does_not_show_for_one_purchase_ask_a_person(
    tenant, pex, cmic, fault
):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    pex.faults.set("stale_list")
    pex.faults.set("note_500_after_store", match=str(purchase))
    run, lanes = prepared(tenant)
    drive(lanes)
    assert row_of(purchase).status == "posted"
    # Without its account there is no list of a day in which to look instead.
    PurchaseSync.objects.update(pex_account_id=None)
    pex.faults.set(fault, match=f"Purchases/{purchase}")
    go_on(1)
    run.refresh_from_db()
    assert run.status == "partial"
    other = pex.add_purchase(amount=Decimal("6.00"))
    assert execute(tenant).reason == ""
    assert row_of(purchase).needs_person
    assert row_of(other).status == "completed"
    assert len(cmic.invoices(number_of(purchase))) == 1


def test_a_note_that_fails_at_two_syncs_while_others_are_taken_asks_a_person(
    tenant, pex, cmic
):
    bad = pex.add_purchase(amount=Decimal("5.00"))
    pex.faults.set("note_500_before_store", match=str(bad))
    for _ in range(2):
        execute(tenant)
        go_on(8)
    assert row_of(bad).needs_person
    good = pex.add_purchase(amount=Decimal("6.00"))
    assert execute(tenant).counts["blocked"] == 1
    assert row_of(good).status == "completed"


def test_a_marker_that_appears_in_pex_settles_what_a_person_was_asked(tenant, pex, two):
    execute(tenant)
    execute(tenant)
    for each in two:
        pex.add_note(each, "Synced with CMiC, by hand")
    run = execute(tenant)
    assert (run.status, run.counts["completed"]) == ("succeeded", 2)
    assert not PurchaseSync.objects.filter(needs_person=True).exists()


def test_a_token_that_may_write_no_notes_asks_no_person_for_each_at_once(
    tenant, pex, cmic
):
    for _ in range(12):
        pex.add_purchase(amount=Decimal("5.00"))
    pex.faults.set("note_forbidden")
    run = execute(tenant)
    assert (run.status, run.reason) == ("failed", "credentials_refused")
    assert "one purchase after another" in run.message
    assert "ModifyTransactionNotes" in run.message
    assert not PurchaseSync.objects.filter(needs_person=True).exists()
    assert PexConnection.objects.get().is_ok is not False


class TestATokenThatDiesWhileLanesWork:
    def test_ends_the_run_and_is_remembered_at_the_connection(self, tenant, pex, cmic):
        purchase = pex.add_purchase(amount=Decimal("5.00"))
        run, lanes = prepared(tenant)
        pex.tokens.expire()
        drive(lanes)
        run.refresh_from_db()
        assert (run.status, run.reason) == ("failed", "credentials_refused")
        known = PexConnection.objects.get()
        assert known.is_ok is False
        assert "PEX answered 401" in known.check_message
        assert row_of(purchase).status == "posted"

    def test_a_refusal_that_only_one_call_meets_ends_it_and_is_not_remembered(
        self, tenant, pex, cmic
    ):
        pex.add_purchase(amount=Decimal("5.00"))
        run, lanes = prepared(tenant)
        pex.faults.set("token_expired", match="Note")
        drive(lanes)
        run.refresh_from_db()
        assert (run.status, run.reason) == ("failed", "credentials_refused")
        assert PexConnection.objects.get().is_ok is not False


def test_cmics_dead_credentials_are_remembered_when_a_lane_meets_them(
    tenant, pex, cmic
):
    pex.add_purchase(amount=Decimal("5.00"))
    run, lanes = prepared(tenant)
    cmic.faults.set("unauthorised")
    drive(lanes)
    run.refresh_from_db()
    assert (run.status, run.reason) == ("failed", "credentials_refused")
    assert CmicConnection.objects.get().is_ok is False


def test_an_upload_that_cmic_does_not_allow_says_nothing_of_the_connection(
    tenant, pex, cmic
):
    bad, good = (pex.add_purchase(amount=Decimal("5.00")) for _ in range(2))
    refresh_all(tenant, cmic_client(tenant))
    cmic.faults.set("forbidden", match=number_of(bad))
    run = execute(tenant)
    assert (run.status, run.reason) == ("partial", "")
    assert codes_of(bad) == {"refused_by_cmic"}
    assert row_of(good).status == "completed"
    assert CmicConnection.objects.get().is_ok is not False


def test_a_look_up_that_cmic_does_not_allow_asks_a_person_and_stops_no_other(
    tenant, pex, cmic
):
    lost, good = (pex.add_purchase(amount=Decimal("5.00")) for _ in range(2))
    cmic.faults.set("reset_after_store", times=1, match=number_of(lost))
    run, lanes = prepared(tenant)
    cmic.faults.set("forbidden", match="apreginv")
    drive(lanes)
    run.refresh_from_db()
    assert (run.status, run.reason) == ("partial", "")
    assert row_of(lost).needs_person
    assert row_of(good).status == "completed"


def test_a_look_up_that_dead_credentials_refuse_asks_nobody(tenant, pex, cmic):
    lost = pex.add_purchase(amount=Decimal("5.00"))
    cmic.faults.set("reset_after_store", times=1, match=number_of(lost))
    run, lanes = prepared(tenant)
    refuse_once_sent(cmic)
    drive(lanes)
    run.refresh_from_db()
    assert (run.status, run.reason) == ("failed", "credentials_refused")
    assert not row_of(lost).needs_person
    cmic.faults.clear()
    assert execute(tenant).status == "succeeded"
    assert len(cmic.invoices()) == 1


def refuse_once_sent(cmic):
    """Every module refuses the user from now on, but what takes the upload."""
    for part in ("ap-rest", "glrest", "jc-rest", "ImgSource"):
        cmic.faults.set("forbidden", match=part)


def test_receipts_that_pex_refuses_hold_that_purchase_only(tenant, pex, cmic):
    bad = pex.add_purchase(amount=Decimal("5.00"), receipts=["png"])
    good = pex.add_purchase(amount=Decimal("6.00"), receipts=["png"])
    pex.faults.set("attachment_error", status=403, match=f"Transactions/{bad}/")
    run = execute(tenant)
    assert run.reason == ""
    assert codes_of(bad) == {"receipt_unusable"}
    assert row_of(good).status == "completed"


def test_receipts_that_a_dead_token_refuses_hold_no_purchase(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"), receipts=["png"])
    run, lanes = prepared(tenant)
    pex.faults.set("attachment_error", status=403)
    pex.faults.set("maintenance", status=403)
    drive(lanes)
    run.refresh_from_db()
    assert (run.status, run.reason) == ("failed", "credentials_refused")
    assert (row_of(purchase).status, codes_of(purchase)) == ("pending", set())
    pex.faults.clear()
    assert execute(tenant).status == "succeeded"
    assert len(cmic.invoices()) == 1


def test_a_list_that_pex_refuses_while_the_token_lives_is_not_remembered(tenant, pex):
    pex.add_purchase(amount=Decimal("5.00"))
    pex.faults.set("maintenance", match="AllCardholder", status=403)
    run = execute(tenant)
    assert (run.status, run.reason) == ("failed", "credentials_refused")
    assert PexConnection.objects.get().is_ok is not False


def test_tags_that_pex_refuses_stop_no_purchase(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    FieldMapping.objects.exclude(tag="").update(sync_options=True)
    pex.faults.set("tags_off")
    run = execute(tenant)
    assert (run.status, run.reason) == ("succeeded", "")
    assert "does not support the Tags Feature" in run.message
    assert row_of(purchase).status == "completed"
    assert PexConnection.objects.get().is_ok is not False


def test_a_preview_that_pex_refuses_says_so_and_nothing_of_the_connection(tenant, pex):
    sam = User.objects.create_user("sam")
    preview = request_preview(Tenant.objects.get(pk=tenant.pk), sam)
    pex.faults.set("maintenance", match="AllCardholder", status=403)
    make_preview(preview.pk)
    preview.refresh_from_db()
    assert preview.state == "failed"
    assert "PEX answered 403" in preview.message
    assert PexConnection.objects.get().is_ok is not False
