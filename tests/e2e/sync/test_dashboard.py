"""From the first page to CMiC: why a purchase is not there, and how it got there."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import expect

from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.models import Tenant
from sync.models import PurchaseSync
from tests.e2e.conftest import log_in
from tests.support.driver import execute
from tests.support.factories import make_tenant

pytestmark = pytest.mark.browser
JOB, COST = "Job/Dept/Eqp.", "Cost Code/Account/Category"


@pytest.mark.usefixtures("administrator")
def test_an_empty_first_page_says_what_to_do(page, show):
    log_in(page, "admin")
    expect(page.get_by_text("No tenants yet")).to_be_visible()
    show(page, "dashboard-empty")
    page.goto("/admin/sync/purchasesync/causes/")
    expect(page.get_by_text("Nothing needs anybody")).to_be_visible()
    show(page, "causes-empty")


@pytest.mark.usefixtures("administrator", "worker")
def test_an_unknown_cost_code_from_the_first_page_to_cmic(page, pex, cmic, show):
    good = pex.add_purchase(amount=Decimal("20.00"))
    bad = pex.add_purchase(amount=Decimal("118.40"), tags={COST: "02.999"})
    tenant = make_tenant(pex.url, cmic.url)
    refresh_all(tenant, cmic_client(tenant))
    Tenant.objects.filter(pk=tenant.pk).update(name="Acme Construction")
    execute(tenant)
    assert PurchaseSync.objects.get(pex_transaction_id=bad).status == "blocked"
    assert pex.markers(good) == 1

    log_in(page, "admin")
    row = page.locator("section", has_text="What needs somebody").locator("tbody tr")
    expect(row).to_contain_text("Value unknown")
    expect(row).to_contain_text("02.999")
    expect(row).to_contain_text("118.40 USD")
    show(page, "dashboard")
    row.get_by_role("link", name="Value unknown").click()
    page.get_by_role("link", name=str(bad)).click()
    expect(page.get_by_text("CMiC has no cost code “02.999”").first).to_be_visible()

    page.goto("/admin/")
    page.get_by_role("link", name="All causes").click()
    expect(page.get_by_text("Once it is put right, 1 goes")).to_be_visible()
    show(page, "causes")
    cmic.books.open_phase("017401", "02.999", "Rework", "4000")
    page.get_by_role("button", name="Refresh CMiC's codes").click()
    # The panel of the codes says so too, where no worker has begun yet.
    asked_for = "CMiC's codes are read by the next free worker."
    expect(page.get_by_text(asked_for, exact=True)).to_be_visible()
    expect(page.locator("#codes").get_by_text("just now").first).to_be_visible(
        timeout=60_000
    )
    show(page, "tenant-sync-waiting")
    page.get_by_role("link", name="Execute").first.click()
    page.get_by_role("button", name="Execute now").click()
    page.wait_for_url("**/sync/syncrun/*/change/")
    expect(page.locator("#run-progress").get_by_text("succeeded")).to_be_visible(
        timeout=60_000
    )
    expect(page.get_by_role("strong")).to_contain_text("1 purchase over 118.40 USD")

    assert pex.markers(bad) == 1
    amounts = sorted(invoice.amount for invoice in cmic.invoices())
    assert amounts == [Decimal("20.00"), Decimal("118.40")]
    page.goto("/admin/")
    expect(page.get_by_text("Nothing: no purchase is blocked")).to_be_visible()


@pytest.mark.usefixtures("administrator")
def test_a_lost_zero_is_put_right_with_one_press(page, pex, cmic, show):
    number = pex.add_purchase(amount=Decimal("5.00"))
    tag = {"FieldId": pex.tag_book.named(JOB).id, "Value": "17401", "Name": JOB}
    pex.override(number, TransactionTags={"Tags": [tag]})
    tenant = make_tenant(pex.url, cmic.url)
    execute(tenant)

    log_in(page, "admin")
    page.goto("/admin/sync/purchasesync/causes/")
    expect(page.get_by_text("differs from 017401")).to_be_visible()
    show(page, "causes-offer")
    row = PurchaseSync.objects.get(pex_transaction_id=number)
    page.goto(f"/admin/sync/purchasesync/{row.pk}/change/")
    show(page, "purchase-offer")
    page.get_by_role("button", name="Use it for all such tags").click()
    chosen = "admin chose 017401 for the tag value 17401, for all purchases."
    expect(page.get_by_text(chosen)).to_be_visible()
    execute(tenant)
    assert cmic.invoices()[0].lines[0]["Aprid_Jobdepteqp_Code"] == "017401"
    page.reload()
    expect(page.get_by_text("chosen by admin for tag value 17401")).to_be_visible()
    show(page, "purchase-meaning")
    page.get_by_role("link", name="Tag meanings").click()
    expect(page.get_by_role("cell", name="017401", exact=True)).to_be_visible()
    show(page, "meanings")
