"""The pages of a purchase's document, seen on its page."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.e2e.conftest import log_in
from tests.support.driver import execute, row_of
from tests.support.factories import make_tenant
from tests.sync.receipts import corpus

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("administrator")
def test_the_pages_come_when_asked_for(page, pex, cmic, show):
    tenant = make_tenant(pex.url, cmic.url)
    contents = [
        corpus.GOOD["jpeg turned 6"][0](),
        corpus.pdf("a", "b"),
        b"<html>",
    ]
    receipts = [(each, "Image", "Loaded") for each in contents]
    purchase = pex.add_purchase(amount=Decimal("118.40"), receipts=receipts)
    execute(tenant)
    log_in(page, "admin")
    url = f"/admin/sync/purchasesync/{row_of(purchase).pk}/change/"
    page.goto(url)
    page.get_by_text("Show the pages").click()
    pictures = page.locator(".connector-pages img")
    pictures.first.wait_for()
    assert pictures.count() == 3
    show(page, "receipts")
    with page.expect_download() as download:
        page.get_by_text("Download the document").click()
    assert download.value.suggested_filename == f"PEX-{purchase}.pdf"
    pex.faults.set("attachment_error", match="/Attachment/")
    page.goto(url)
    page.get_by_text("Show the pages").click()
    page.get_by_text("could not be fetched").wait_for()
    show(page, "receipts-failed")
