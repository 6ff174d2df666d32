"""A marker counts as removed only if PEX had it, its list lacks it, and PEX says so of
the one purchase too."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from connector.api.pex.types import Purchase
from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.models import Tenant
from sync.engine.judging.context import TenantContext
from sync.engine.judging.markers import with_markers
from sync.engine.judging.survey import survey
from sync.engine.preview.previews import outlook
from sync.engine.run.requesting import window_for
from sync.models import PurchaseSync
from tests.support.driver import codes_of, execute, number_of, row_of, set_up

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")


def asked(pex):
    """The calls that ask for one purchase, or for one cardholder's."""
    parts = ("/Purchases/", "/TransactionDetails/")
    return [each for each in pex.calls if any(part in each.path for part in parts)]


def hide_notes(pex, *purchases):
    """PEX's lists show these without notes; asked for one purchase, it has them."""
    for purchase in purchases:
        pex.override(purchase, TransactionNotes=None)


def test_a_marker_removed_before_any_sync_saw_it_sends_it_again(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    execute(tenant)
    pex.remove_note(purchase)
    execute(tenant)
    numbers = [invoice.number for invoice in cmic.invoices()]
    assert numbers == [number_of(purchase), f"{number_of(purchase)}-2"]
    assert pex.markers(purchase) == 1
    assert row_of(purchase).status == "completed"


def test_a_note_of_which_pex_told_no_id_is_not_missed(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    execute(tenant)
    # As it is left where PEX's answer to the note had no id.
    PurchaseSync.objects.update(marker_note_id=None, marker_seen_at=None)
    pex.remove_note(purchase)
    pex.clear_calls()
    execute(tenant)
    assert len(cmic.invoices()) == 1
    assert asked(pex) == []


def reject(tenant, pex, cmic, purchase):
    pex.change(purchase, approved="Rejected")


def close_job(tenant, pex, cmic, purchase):
    cmic.close_job("017401")
    refresh_all(tenant, cmic_client(tenant))


def leave(*_):
    """It would be sent as it is."""


@pytest.mark.parametrize("change", [reject, close_job, leave])
def test_a_list_without_notes_moves_no_completed_purchase(tenant, pex, cmic, change):
    set_up(tenant, approved_only=True)
    tenant = Tenant.objects.get()
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    execute(tenant)
    change(tenant, pex, cmic, purchase)
    hide_notes(pex, purchase)
    run = execute(tenant)
    row = row_of(purchase)
    assert (row.status, row.generation, row.reasons) == ("completed", 1, [])
    assert "without the marker" in run.message
    assert len(cmic.invoices()) == 1
    pex.raw(purchase).clear()
    assert execute(tenant).counts["completed"] == 1


def test_a_removed_marker_of_what_may_not_go_any_more_is_believed(tenant, pex, cmic):
    set_up(tenant, approved_only=True)
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    execute(tenant)
    pex.change(purchase, approved="Rejected")
    pex.remove_note(purchase)
    execute(tenant)
    row = row_of(purchase)
    assert (row.status, row.generation) == ("skipped", 2)
    pex.change(purchase, approved=True)
    execute(tenant)
    assert [each.number for each in cmic.invoices()][1:] == [f"{number_of(purchase)}-2"]


def test_a_list_that_is_mistaken_of_all_costs_few_calls(tenant, pex, cmic):
    purchases = [pex.add_purchase(amount=Decimal("5.00")) for _ in range(15)]
    execute(tenant)
    hide_notes(pex, *purchases)
    pex.clear_calls()
    run = execute(tenant)
    assert len(asked(pex)) == 10
    assert "15 purchases without the marker" in run.message
    assert len(cmic.invoices()) == run.counts["completed"] == 15
    pex.raw(purchases[0]).clear()
    pex.remove_note(purchases[0])
    for _ in range(20):
        execute(tenant)
        if row_of(purchases[0]).generation == 2:
            break
    # The others did not hold it up for ever.
    assert len(cmic.invoices()) == 16


def test_a_cardholders_list_is_not_believed_where_no_list_has_notes(tenant, pex, cmic):
    pex.faults.set("purchases_forbidden")
    purchases = [pex.add_purchase(amount=Decimal("5.00")) for _ in range(3)]
    by_hand = pex.add_purchase(amount=Decimal("6.00"), note="Synced with CMiC, by hand")
    execute(tenant)
    hide_notes(pex, *purchases, by_hand)
    execute(tenant)
    assert len(cmic.invoices()) == len(purchases)
    assert {row_of(each).status for each in purchases} == {"completed"}
    assert codes_of(by_hand) == {"already_synced"}


def test_a_cardholders_list_is_asked_where_lists_have_notes(tenant, pex, cmic):
    pex.faults.set("purchases_forbidden")
    pex.add_purchase(amount=Decimal("5.00"))
    removed = pex.add_purchase(amount=Decimal("6.00"))
    execute(tenant)
    pex.remove_note(removed)
    execute(tenant)
    assert f"{number_of(removed)}-2" in [each.number for each in cmic.invoices()]


@pytest.mark.parametrize(
    ("fault", "options"), [("server_error", {"status": 500}), ("forbidden", {})]
)
def test_where_pex_does_not_tell_the_purchase_stays_and_others_go(
    tenant, pex, cmic, fault, options
):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    execute(tenant)
    pex.remove_note(purchase)
    other = pex.add_purchase(amount=Decimal("6.00"))
    if fault == "forbidden":
        pex.faults.set("purchases_forbidden")
    else:
        pex.faults.set(fault, match=f"/Purchases/{purchase}", **options)
    execute(tenant)
    assert (row_of(purchase).status, row_of(purchase).generation) == ("completed", 1)
    assert row_of(other).status == "completed"
    pex.faults.clear()
    execute(tenant)
    assert row_of(purchase).generation == 2


def test_a_list_that_is_older_than_a_marker_does_not_lack_it(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    execute(tenant)
    pex.clear_calls()
    context = TenantContext(Tenant.objects.get())
    before = timezone.now() - timedelta(hours=1)
    [kept] = with_markers(context, [Purchase(purchase)], before, remarks := [])
    assert kept.is_marked
    assert remarks == pex.calls == []


def test_what_was_marked_by_hand_stays_though_a_list_comes_without_notes(
    tenant, pex, cmic
):
    by_hand = pex.add_purchase(amount=Decimal("6.00"), note="Synced with CMiC, by hand")
    execute(tenant)
    hide_notes(pex, by_hand)
    for _ in range(2):
        run = execute(tenant)
        assert run.counts["skipped"] == 1
    assert cmic.invoices() == []
    assert codes_of(by_hand) == {"already_synced"}


def test_what_an_earlier_release_took_for_unmarked_comes_back(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    execute(tenant)
    PurchaseSync.objects.update(
        status="blocked",
        generation=2,
        completed_at=None,
        marker_seen_at=None,
        reasons=[{"code": "value_inactive", "message": "Closed.", "who": "support"}],
    )
    run = execute(tenant)
    row = row_of(purchase)
    assert (row.status, row.generation, row.reasons) == ("completed", 1, [])
    assert (run.counts["completed"], len(cmic.invoices())) == (1, 1)


def test_a_preview_does_not_promise_what_a_list_without_notes_suggests(
    tenant, pex, cmic
):
    kept, removed = (pex.add_purchase(amount=Decimal("5.00")) for _ in range(2))
    execute(tenant)
    hide_notes(pex, kept)
    pex.remove_note(removed)
    tenant = Tenant.objects.get()
    window = window_for(tenant, "manual", timezone.now())
    rows = outlook(tenant, survey(TenantContext(tenant), window))
    shown = {row.pex_transaction_id: row for row in rows}
    assert shown[kept].status == "completed"
    assert shown[removed].status == "pending"
    assert shown[removed].invoice_number == f"{number_of(removed)}-2"
