"""See what would be sent, send it, and see that the two agree; or how they do not."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import log_in
from tests.simulators.pex.entities import REFUND
from tests.support.factories import make_tenant

pytestmark = pytest.mark.browser
JOB = "Job/Dept/Eqp."


def preview(page, tenant):
    """Ask for one on the tenant's page and wait until it is made."""
    page.goto(f"/admin/connector/tenant/{tenant.pk}/change/")
    page.locator("a[href^='/admin/connector/tenant/'][href$='/preview/']").first.click()
    expect(page.get_by_text("Nothing is sent.")).to_be_visible()
    page.get_by_role("button", name="Preview now").click()
    expect(page.get_by_role("heading", name="Purchases")).to_be_visible(timeout=60_000)


def execute(page, tenant):
    page.goto(f"/admin/connector/tenant/{tenant.pk}/change/")
    page.get_by_role("link", name="Execute").first.click()
    page.get_by_role("button", name="Execute now").click()
    page.wait_for_url("**/sync/syncrun/*/change/")
    expect(page.locator("#run-progress").get_by_text("succeeded")).to_be_visible(
        timeout=60_000
    )


@pytest.mark.usefixtures("administrator", "worker")
def test_a_preview_and_what_was_then_sent_agree(page, pex, cmic, show, tmp_path):
    for amount in ("118.40", "20.00", "7.25"):
        pex.add_purchase(amount=Decimal(amount), tags={JOB: "017401"})
    pex.add_purchase(amount=Decimal("30.00"), kind=REFUND)
    tenant = make_tenant(pex.url, cmic.url)
    log_in(page, "admin")
    preview(page, tenant)
    address = page.url
    expect(page.get_by_text("would have sent 3 purchases over 145.65")).to_be_visible()
    expect(page.locator(".connector-previewed > li")).to_have_count(3)
    assert cmic.invoices() == []
    show(page, "preview")
    page.locator(".connector-counts a", has_text="blocked").click()
    expect(page.get_by_text("hold these for a person")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Take all of them along as CSV").click()
    download.value.save_as(tmp_path / "preview.csv")
    with (tmp_path / "preview.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["Status"] for row in rows) == ["blocked", *["pending"] * 3]
    previewed = {row["Invoice number"] for row in rows} - {""}

    execute(page, tenant)
    assert {invoice.number for invoice in cmic.invoices()} == previewed
    page.goto(address)
    expect(page.get_by_text("sent just what was previewed: 3 of 3.")).to_be_visible()
    show(page, "preview-compared")


@pytest.mark.usefixtures("administrator", "worker")
def test_what_changed_in_between_is_told(page, pex, cmic, show):
    changed = pex.add_purchase(amount=Decimal("118.40"), tags={JOB: "017401"})
    pex.add_purchase(amount=Decimal("20.00"))
    tenant = make_tenant(pex.url, cmic.url)
    log_in(page, "admin")
    preview(page, tenant)
    address = page.url
    pex.change(changed, amount="119.00")
    execute(page, tenant)
    page.goto(address)
    expect(page.get_by_text("sent 1 of 2 just as previewed.")).to_be_visible()
    told = page.locator("#preview-comparison ~ ul li")
    expect(told).to_contain_text(
        "The amount was 118.40 in the preview, and 119.00 when it was sent."
    )
    show(page, "preview-differs")
