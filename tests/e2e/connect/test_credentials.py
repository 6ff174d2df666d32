"""A support person enters, insists on, takes away and gives back credentials."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from connector.connections.probing import check_pex
from connector.models import CmicConnection, PexConnection
from tests.e2e.conftest import log_in
from tests.support.factories import CMIC_PASSWORD, PEX_TOKEN, make_tenant

pytestmark = pytest.mark.browser


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.usefixtures("administrator")
def test_a_wrong_password_is_refused_until_the_person_insists(page, pex, cmic, show):
    tenant = make_tenant(pex.url, cmic.url)
    log_in(page, "admin")
    page.goto(f"/admin/connector/tenant/{tenant.pk}/change/")
    show(page, "card-cmic")
    page.locator("a[href$='/credentials/cmic/']").click()
    show(page, "credentials-cmic")
    expect(page.get_by_role("button", name="Save anyway")).to_have_count(0)

    page.fill("#id_password", "not the password")
    press(page, "Save credentials")
    finding = page.locator("#finding")
    expect(finding).to_contain_text("Nothing was saved")
    expect(finding.get_by_text("wrong password", exact=True)).to_have_count(4)
    expect(page.locator("#id_password")).to_have_value("")
    show(page, "credentials-cmic-refused")
    assert CmicConnection.objects.get().password == CMIC_PASSWORD

    press(page, "Save anyway")
    expect(page.get_by_text("Enter it again")).to_be_visible()
    assert CmicConnection.objects.get().password == CMIC_PASSWORD

    page.fill("#id_password", "not the password")
    press(page, "Save anyway")
    expect(page.get_by_text("saved, although they do not work")).to_be_visible()
    assert CmicConnection.objects.get().password == "not the password"
    show(page, "card-cmic-broken")


@pytest.mark.usefixtures("administrator")
def test_pex_is_disconnected_and_connected_again(page, pex, cmic, show):
    tenant = make_tenant(pex.url, cmic.url)
    log_in(page, "admin")
    page.goto(f"/admin/connector/tenant/{tenant.pk}/credentials/pex/")
    show(page, "credentials-pex")
    page.get_by_role("link", name="Disconnect…").click()
    show(page, "disconnect")
    press(page, "Disconnect PEX")
    expect(page.get_by_text("PEX is disconnected: its secrets")).to_be_visible()
    assert PexConnection.objects.get().token == ""
    show(page, "tenant-disconnected")
    page.goto(f"/admin/connector/tenant/{tenant.pk}/execute/")
    expect(page.get_by_text("cannot be started: PEX is disconnected")).to_be_visible()

    page.goto(f"/admin/connector/tenant/{tenant.pk}/credentials/pex/")
    show(page, "credentials-pex-disconnected")
    page.fill("#id_token", PEX_TOKEN)
    press(page, "Save credentials")
    expect(page.get_by_text("PEX: Connected to")).to_be_visible()
    assert PexConnection.objects.get().is_ok
    page.goto(f"/admin/connector/tenant/{tenant.pk}/execute/")
    expect(page.get_by_role("button", name="Execute now")).to_be_visible()


@pytest.mark.usefixtures("administrator")
def test_a_module_without_a_licence_is_named_with_whom_to_ask(page, pex, cmic, show):
    tenant = make_tenant(pex.url, cmic.url)
    cmic.faults.set("not_licensed", module="gl")
    cmic.faults.set("forbidden", module="jc")
    log_in(page, "admin")
    page.goto(f"/admin/connector/tenant/{tenant.pk}/credentials/cmic/")
    press(page, "Save credentials")
    finding = page.locator("#finding")
    expect(finding.get_by_text("not licensed", exact=True)).to_have_count(1)
    expect(finding.get_by_text("no role", exact=True)).to_have_count(1)
    expect(finding.get_by_text("ok", exact=True)).to_have_count(2)
    expect(finding).to_contain_text("Ask CMiC for the licence")
    show(page, "credentials-cmic-not-licensed")


@pytest.mark.usefixtures("administrator")
def test_the_token_of_another_business_is_stored_once_that_is_named(
    page, pex, cmic, show
):
    tenant = make_tenant(pex.url, cmic.url)
    check_pex(tenant)
    token = pex.tokens.issue(31001, "Beta Builders LLC")
    log_in(page, "admin")
    page.goto(f"/admin/connector/tenant/{tenant.pk}/credentials/pex/")
    page.fill("#id_token", token)
    press(page, "Save credentials")
    warning = page.locator("#other-business")
    expect(warning).to_contain_text("reads Acme Construction Inc (business 21001)")
    expect(warning).to_contain_text("belongs to Beta Builders LLC (business 31001)")
    show(page, "credentials-other-business")
    assert PexConnection.objects.get().token == PEX_TOKEN

    page.fill("#id_token", token)
    page.get_by_label("Type “Beta Builders LLC” to confirm").fill("Beta")
    press(page, "Save credentials")
    expect(warning).to_contain_text("is not the name of the other business")
    assert PexConnection.objects.get().token == PEX_TOKEN

    page.fill("#id_token", token)
    page.get_by_label("Type “Beta Builders LLC” to confirm").fill("Beta Builders LLC")
    press(page, "Save credentials")
    expect(page.get_by_text("PEX: Connected to Beta Builders LLC")).to_be_visible()
    assert PexConnection.objects.get().token == token
