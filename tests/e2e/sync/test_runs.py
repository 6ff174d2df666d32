"""A run watched to its end, one stopped and resumed, and lists taken along."""

from __future__ import annotations

import csv
from decimal import Decimal

import openpyxl
import pytest
from playwright.sync_api import expect

from sync.models import SyncRun
from tests.e2e.conftest import log_in
from tests.e2e.keyboard import go_to
from tests.support.driver import execute
from tests.support.factories import make_tenant

pytestmark = pytest.mark.browser
EVIL = '=HYPERLINK("http://evil.example")'


def start(page, tenant):
    page.goto(f"/admin/connector/tenant/{tenant.pk}/change/")
    page.get_by_role("link", name="Execute").first.click()
    page.get_by_role("button", name="Execute now").click()
    page.wait_for_url("**/sync/syncrun/*/change/")
    return page.locator("#run-progress")


@pytest.mark.usefixtures("administrator", "worker")
def test_a_run_is_watched_to_its_end_without_loading_the_page(page, pex, cmic, show):
    for number in range(1, 9):
        pex.add_purchase(amount=Decimal(number))
    tenant = make_tenant(pex.url, cmic.url)
    log_in(page, "admin")
    cmic.hold("upload_arrived", times=4)
    panel = start(page, tenant)
    page.evaluate("() => { window.stillTheSame = true; }")
    bar = panel.get_by_role("progressbar", name="Purchases worked on")
    expect(bar).to_have_attribute("max", "8", timeout=30_000)
    expect(bar).to_have_attribute("value", "0")
    show(page, "run-watched")
    cmic.release()
    expect(panel.get_by_text("succeeded")).to_be_visible(timeout=60_000)
    expect(panel.get_by_text("It brought 8 purchases over 36.00")).to_be_visible()
    expect(bar).to_have_count(0)
    assert page.evaluate("() => window.stillTheSame")
    assert len(cmic.invoices()) == 8
    # Nothing is asked any more once it has ended.
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []


@pytest.mark.usefixtures("administrator", "worker")
def test_a_run_is_stopped_half_way_and_the_next_takes_the_rest(page, pex, cmic):
    purchases = [pex.add_purchase(amount=Decimal(number)) for number in range(1, 13)]
    tenant = make_tenant(pex.url, cmic.url)
    log_in(page, "admin")
    cmic.hold("upload_arrived", times=4)
    panel = start(page, tenant)
    cmic.wait_until_held("upload_arrived")
    # Without a mouse, as whoever is in a hurry.
    go_to(page, "Stop")
    page.keyboard.press("Enter")
    expect(page.get_by_text("no other purchase is begun")).to_be_visible()
    go_to(page, "Stop", "button")
    page.keyboard.press("Enter")
    expect(panel.get_by_text("stopped", exact=True)).to_be_visible()
    expect(panel.get_by_text("Stopped by admin.")).to_be_visible()
    cmic.release()
    run = SyncRun.objects.get()
    assert run.status == "stopped"
    panel = start(page, tenant)
    expect(panel.get_by_text("succeeded")).to_be_visible(timeout=60_000)
    assert len(cmic.invoices()) == 12
    assert [pex.markers(each) for each in purchases] == [1] * 12


@pytest.mark.usefixtures("administrator")
def test_what_is_filtered_is_taken_along_and_counted(page, pex, cmic, show, tmp_path):
    for number in range(1, 6):
        pex.add_purchase(amount=Decimal(number), merchant=EVIL)
    for number in range(1, 4):
        pex.add_purchase(amount=Decimal(number), pending=True)
    tenant = make_tenant(pex.url, cmic.url)
    execute(tenant)
    log_in(page, "admin")
    page.goto("/admin/sync/purchasesync/?status__exact=completed")
    expect(page.locator("#result_list tbody tr")).to_have_count(5)
    show(page, "purchases-filtered")
    files = {}
    for title, name in (("CSV", "purchases.csv"), ("Excel", "purchases.xlsx")):
        with page.expect_download() as download:
            page.get_by_role("link", name=title, exact=True).click()
        files[title] = tmp_path / name
        download.value.save_as(files[title])
    with files["CSV"].open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    titles, *cells = openpyxl.load_workbook(files["Excel"]).active.values
    assert len(rows) == len(cells) == 5
    assert {row["Merchant"] for row in rows} == {f"'{EVIL}"}
    assert {row[titles.index("Merchant")] for row in cells} == {EVIL}
    assert sum(Decimal(row["Amount"]) for row in rows) == 15
    assert sum(row[titles.index("Amount")] for row in cells) == 15
