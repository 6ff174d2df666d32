"""What only a person can settle: lost answers and refused markers, by their verbs, and
with the keyboard."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import expect

from sync.models import Decision, PurchaseSync
from tests.e2e.conftest import log_in
from tests.e2e.keyboard import go_to
from tests.support.driver import execute, number_of
from tests.support.factories import make_tenant

pytestmark = pytest.mark.browser


def lose(pex, cmic, fault, amount):
    """A purchase whose answer is lost, and which no look-up shows."""
    purchase = pex.add_purchase(amount=Decimal(amount))
    cmic.faults.set(fault, match=number_of(purchase))
    return purchase


def open_purchase(page, transaction_id):
    row = PurchaseSync.objects.get(pex_transaction_id=transaction_id)
    page.goto(f"/admin/sync/purchasesync/{row.pk}/change/")


@pytest.mark.usefixtures("administrator")
def test_two_lost_answers_are_settled_each_by_its_verb(page, pex, cmic, show):
    # The one arrived, but CMiC does not show it yet; the other never did.
    there = lose(pex, cmic, "reset_after_store", "118.40")
    # An answer in between: two faults in a row would be an outage.
    good = pex.add_purchase(amount=Decimal("5.00"))
    absent = lose(pex, cmic, "reset_before_store", "20.00")
    cmic.visibility_delay = 3600.0
    tenant = make_tenant(pex.url, cmic.url)
    execute(tenant)
    assert PurchaseSync.objects.filter(needs_person=True).count() == 2
    arrived = [each.number for each in cmic.invoices()]
    assert arrived == [number_of(there), number_of(good)]
    cmic.faults.clear()

    log_in(page, "admin")
    causes = page.locator("section", has_text="What needs somebody").locator("tbody tr")
    expect(causes).to_have_count(1)
    expect(causes).to_contain_text("Lost answer")
    open_purchase(page, there)
    expect(page.get_by_text("It waits for a person.")).to_be_visible()
    show(page, "lost-answer")
    page.get_by_role("link", name="It is there").first.click()
    page.get_by_label("Why").fill("Seen in Image Manager.")
    page.get_by_role("button", name="It is there").click()
    expect(page.get_by_text("“It is there” by admin")).to_be_visible()

    open_purchase(page, absent)
    page.get_by_role("link", name="Send again").first.click()
    page.get_by_label("Why").fill("Not in Image Manager.")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("“Send again” by admin")).to_be_visible()

    cmic.visibility_delay = 0.0
    assert execute(tenant).status == "succeeded"
    numbers = [each.number for each in cmic.invoices()]
    assert numbers == [*arrived, number_of(absent)]
    assert [pex.markers(each) for each in (there, absent)] == [1, 1]
    open_purchase(page, absent)
    expect(page.get_by_text("It is in CMiC, and PEX has the marker.")).to_be_visible()
    show(page, "lost-answer-settled")
    page.goto("/admin/")
    expect(page.get_by_text("Nothing: no purchase is blocked")).to_be_visible()


@pytest.mark.usefixtures("administrator")
def test_a_refused_purchase_is_tried_again_without_a_mouse(page, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    cmic.faults.set("refuse_upload", match=number_of(purchase))
    tenant = make_tenant(pex.url, cmic.url)
    execute(tenant)
    cmic.faults.clear()
    log_in(page, "admin")
    page.goto("/admin/sync/purchasesync/")
    go_to(page, str(purchase))
    page.keyboard.press("Enter")
    expect(page.get_by_text("CMiC refused the invoice").first).to_be_visible()
    go_to(page, "Retry")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Retry")).to_be_visible()
    why = page.get_by_label("Why")
    while not why.evaluate("field => field === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.type("The period was opened.")
    page.keyboard.press("Enter")
    expect(page.get_by_text("“Retry” by admin")).to_be_visible()
    assert Decision.objects.get().why == "The period was opened."
    assert execute(tenant).status == "succeeded"
    assert len(cmic.invoices()) == 1


@pytest.mark.usefixtures("administrator")
def test_two_refused_markers_are_settled_each_by_its_verb(page, pex, cmic, show):
    written, left = (pex.add_purchase(amount=Decimal("9.00")) for _ in range(2))
    for each in (written, left):
        pex.faults.set("note_forbidden", match=str(each))
    tenant = make_tenant(pex.url, cmic.url)
    for _ in range(2):
        execute(tenant)
    assert PurchaseSync.objects.filter(needs_person=True).count() == 2

    log_in(page, "admin")
    causes = page.locator("section", has_text="What needs somebody").locator("tbody tr")
    expect(causes).to_have_count(1)
    open_purchase(page, written)
    expect(page.get_by_text("only PEX's marker is missing")).to_be_visible()
    show(page, "refused-marker")
    page.get_by_role("link", name="Marker written by hand").first.click()
    show(page, "marker-written")
    page.get_by_label("Why").fill("Written by Ana.")
    page.get_by_role("button", name="Marker written by hand").click()
    expect(page.get_by_text("PEX shows no note “Synced with CMiC”")).to_be_visible()

    pex.add_note(written, "Synced with CMiC, by Ana")
    page.get_by_role("link", name="Marker written by hand").first.click()
    page.get_by_label("Why").fill("Written by Ana.")
    page.get_by_role("button", name="Marker written by hand").click()
    expect(page.get_by_text("PEX has the marker").first).to_be_visible()

    open_purchase(page, left)
    page.get_by_role("link", name="Leave without marker").first.click()
    page.get_by_label("Why").fill("It is locked in PEX.")
    page.get_by_role("button", name="Leave without marker").click()
    expect(page.get_by_text("left it without a marker in PEX")).to_be_visible()
    show(page, "left-without-marker")
    assert execute(tenant).status == "succeeded"
    assert len(cmic.invoices()) == 2
