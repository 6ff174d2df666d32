"""From a fresh install to the first invoice, typed and pressed in the admin."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from playwright.sync_api import Page, expect

from connector.models import PexConnection, Tenant
from sync.models import SyncRun
from tests.e2e.choosing import box, choose, save
from tests.e2e.conftest import PASSWORD, log_in
from tests.simulators.pex.entities import REFUND
from tests.support.factories import CMIC_PASSWORD, PEX_TOKEN, make_tenant

pytestmark = pytest.mark.browser

JOB, COST = "Job/Dept/Eqp.", "Cost Code/Account/Category"


def type_tenant(page: Page) -> None:
    page.fill("#id_name", "Acme Construction")
    # Leaving the name proposes a slug, which is then replaced.
    page.press("#id_name", "Tab")
    expect(page.locator("#id_slug")).to_have_value("acme-construction")
    page.fill("#id_slug", "acme")


def connect_pex(page: Page, tenant: Tenant, url: str, token: str) -> None:
    page.goto(f"/admin/connector/tenant/{tenant.pk}/credentials/pex/")
    page.fill("#id_base_url", url)
    page.fill("#id_token", token)
    page.get_by_role("button", name="Save credentials").click()


def connect_cmic(page: Page, tenant: Tenant, url: str) -> None:
    page.goto(f"/admin/connector/tenant/{tenant.pk}/credentials/cmic/")
    page.fill("#id_base_url", url)
    page.fill("#id_client_id", "ACME")
    page.fill("#id_username", "APIUSER")
    page.fill("#id_password", CMIC_PASSWORD)
    page.get_by_role("button", name="Save credentials").click()


def choose_settings(page: Page) -> None:
    """The source and its document type are CMiC's only ones, and there already."""
    expect(box(page, "id_transactions-0-source_uuid")).to_contain_text("PEX")
    expect(box(page, "id_transactions-0-document_type_uuid")).to_contain_text("AP")
    choose(page, "id_transactions-0-company_code", "acme constr", "001")
    save(page)
    # Vendors are CMiC's per company: now that it is known, they can be chosen.
    choose(page, "id_transactions-0-vendor_code", "pex card", "PEX01")


def choose_mappings(page: Page) -> None:
    choose(page, "id_mappings-0-static_value", "card", "PEX")
    page.select_option("#id_mappings-1-static_value", "Y")
    page.select_option("#id_mappings-2-static_value", "J")
    choose(page, "id_mappings-3-tag", "job", JOB)
    choose(page, "id_mappings-3-default_value", "main street", "017401")
    choose(page, "id_mappings-4-tag", "cost code", COST)
    choose(page, "id_mappings-4-default_value", "site", "02.100")
    page.select_option("#id_mappings-5-source", "static")
    choose(page, "id_mappings-5-static_value", "4000", "4000")


@pytest.mark.usefixtures("administrator", "worker")
def test_a_tenant_is_set_up_and_executed(page, pex, cmic, show):
    sent = pex.add_purchase(amount=Decimal("118.40"), tags={JOB: "017401"})
    held = pex.add_purchase(amount=Decimal("20.00"), kind=REFUND)
    pex.add_purchase(amount=Decimal("9.99"), pending=True)
    log_in(page, "admin")

    page.goto("/admin/connector/tenant/")
    expect(page.get_by_text("No tenants yet")).to_be_visible()
    show(page, "tenants-empty")
    page.get_by_role("link", name="Add the first tenant").click()
    type_tenant(page)
    expect(page.locator("#tabs-items a")).to_have_text(["Connect"])
    show(page, "tenant-add")
    save(page)
    tenant = Tenant.objects.get()
    connect_pex(page, tenant, pex.url, PEX_TOKEN)
    expect(page.get_by_text("PEX: Connected to")).to_be_visible()
    expect(page.get_by_text("Next: Connect.")).to_be_visible()
    show(page, "tenant-half-connected")
    connect_cmic(page, tenant, cmic.url)
    expect(page.get_by_text("CMiC: connected")).to_be_visible()
    tenant = Tenant.objects.get()
    assert tenant.slug == "acme"
    expect(page.get_by_text("Next: Transaction settings.")).to_be_visible()
    choose_settings(page)
    show(page, "tenant-settings-chosen")
    save(page)
    expect(page.get_by_text("Next: Field mappings.")).to_be_visible()
    page.locator("#codes").get_by_text("were read").wait_for()
    choose_mappings(page)
    show(page, "tenant-mappings-chosen")
    save(page)
    expect(page.get_by_text("Next: Sync.")).to_be_visible()
    tenant = Tenant.objects.get()
    assert tenant.missing_settings() == []
    for tab in ("transactions", "mappings", "sync", "general"):
        page.goto(f"/admin/connector/tenant/{tenant.pk}/change/#{tab}")
        page.reload()
        show(page, f"tenant-{tab}")

    page.get_by_role("link", name="Execute").first.click()
    expect(page.get_by_text("both included")).to_be_visible()
    show(page, "execute")
    page.get_by_role("button", name="Execute now").click()
    page.wait_for_url("**/sync/syncrun/*/change/")
    panel = page.locator("#run-progress")
    show(page, "run-active")
    expect(panel.get_by_text("succeeded")).to_be_visible(timeout=60_000)
    expect(panel.locator("a", has_text="completed")).to_contain_text("1")
    show(page, "run")

    assert [invoice.amount for invoice in cmic.invoices()] == [Decimal("118.40")]
    assert pex.markers(sent) == 1

    panel.locator("a", has_text="blocked").click()
    expect(page.locator("td.field-reason")).to_have_text("refund held")
    page.get_by_role("link", name=str(held)).click()
    expect(page.get_by_text("hold these for a person").first).to_be_visible()
    expect(page.get_by_text("This is for support.")).to_be_visible()
    show(page, "purchase-blocked")

    page.goto("/admin/sync/purchasesync/")
    unsettled = page.locator("td.field-reason", has_text="not settled yet")
    expect(unsettled).to_be_visible()
    show(page, "purchases")
    page.get_by_role("link", name=str(sent), exact=True).click()
    expect(page.get_by_text("accepted")).to_be_visible()
    show(page, "purchase-sent")
    page.goto("/admin/sync/syncrun/")
    show(page, "runs")
    page.goto("/admin/connector/tenant/")
    show(page, "tenants")


@pytest.mark.usefixtures("administrator")
def test_a_start_date_too_far_back_is_refused_at_its_field(page, pex, cmic, show):
    tenant = make_tenant(pex.url, cmic.url)
    log_in(page, "admin")
    page.goto(f"/admin/connector/tenant/{tenant.pk}/change/#transactions")
    too_early = timezone.localdate() - timedelta(days=500)
    page.fill("#id_transactions-0-start_date", too_early.isoformat())
    save(page)
    line = page.locator(".field-start_date.errors")
    expect(line).to_contain_text("less than one year back")
    show(page, "tenant-refused")
    tenant.transactions.refresh_from_db()
    assert tenant.transactions.start_date is None


@pytest.mark.usefixtures("administrator")
def test_a_wrong_token_is_named(page, pex, show):
    tenant = Tenant.objects.create(slug="acme", name="Acme Construction")
    log_in(page, "admin")
    connect_pex(page, tenant, pex.url, "wrong-token")
    expect(page.locator("#finding")).to_contain_text("Token expired")
    show(page, "credentials-wrong-token")
    assert not PexConnection.objects.exists()


def test_without_the_permission_there_is_no_execute(page, pex, cmic):
    tenant = make_tenant(pex.url, cmic.url)
    person = User.objects.create_user("sam", password=PASSWORD, is_staff=True)
    person.user_permissions.set(
        Permission.objects.filter(codename__in=["view_tenant", "change_tenant"])
    )
    log_in(page, "sam")
    page.goto(f"/admin/connector/tenant/{tenant.pk}/change/")
    expect(page.locator("#id_name")).to_have_value("Acme Construction")
    expect(page.get_by_role("link", name="Execute")).to_have_count(0)
    page.goto(f"/admin/connector/tenant/{tenant.pk}/execute/")
    expect(page.get_by_text("403")).to_be_visible()
    assert not SyncRun.objects.exists()
