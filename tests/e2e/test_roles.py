"""The three roles and somebody limited to one tenant, each at the screen."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from connector.models import Tenant, TenantAccess
from connector.roles import Role
from connector.transfer.importing import import_tenant
from sync.models import SyncRun
from tests.e2e.conftest import log_in
from tests.support.factories import make_tenant, tenant_data
from tests.support.people import add_staff
from tests.support.rows import add_purchase, add_run

pytestmark = pytest.mark.browser

MINE, FOREIGN = "Acme Construction", "Zenith Builders"


@pytest.fixture
def tenant(live_server, pex, cmic):
    tenant = make_tenant(pex.url, cmic.url)
    add_purchase(add_run(tenant), 1001)
    return tenant


@pytest.fixture
def foreign(tenant, pex, cmic):
    data = tenant_data(pex.url, cmic.url, refunds="send", vendor_code="OTHER")
    data |= {"slug": "zenith", "name": FOREIGN}
    data["mappings"]["cost_type_tran_code"] = {"static": "9000"}
    foreign = import_tenant(data, {})[0]
    add_purchase(add_run(foreign), 2002, merchant="Zebra Tools")
    return foreign


def tenant_page(tenant):
    return f"/admin/connector/tenant/{tenant.pk}/change/"


def status_of(page: Page, url: str) -> int:
    return page.goto(url).status


def test_a_viewer_looks_and_changes_nothing(page, tenant, show):
    add_staff("vera", Role.VIEWER)
    log_in(page, "vera")
    sidebar = page.locator("#nav-sidebar-apps")
    page.goto("/admin/connector/tenant/")
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
    expect(page.get_by_role("link", name="Import")).to_have_count(0)
    expect(sidebar).to_be_visible()
    show(page, "viewer-tenants")
    page.get_by_role("link", name=MINE).click()
    expect(page.get_by_text("hold for a person").first).to_be_attached()
    for button in ("Save", "Delete", "Refresh codes"):
        expect(page.get_by_role("button", name=button)).to_have_count(0)
    expect(page.get_by_role("link", name="Execute")).to_have_count(0)
    expect(page.get_by_role("link", name="Copy settings")).to_have_count(0)
    expect(page.locator("input[type=password]")).to_have_count(0)
    show(page, "viewer-tenant")
    page.goto("/admin/sync/purchasesync/")
    expect(page.get_by_role("link", name="1001")).to_be_visible()
    assert status_of(page, f"/admin/connector/tenant/{tenant.pk}/execute/") == 403
    assert status_of(page, "/admin/auth/user/") == 403


def test_support_sets_up_executes_and_deletes_nothing(page, tenant, show):
    add_staff("sam", Role.SUPPORT)
    log_in(page, "sam")
    page.goto(tenant_page(tenant))
    page.fill("#id_name", "Acme Builders")
    page.click("button[name=_continue]")
    expect(page.locator("#id_name")).to_have_value("Acme Builders")
    page.goto(f"/admin/connector/tenant/{tenant.pk}/history/")
    expect(page.get_by_text("Name: Acme Construction → Acme Builders")).to_be_visible()
    expect(page.get_by_text("sam", exact=True).first).to_be_visible()
    show(page, "history")
    page.goto(tenant_page(tenant))
    expect(page.get_by_role("link", name="Delete")).to_have_count(0)
    page.get_by_role("link", name="Execute").first.click()
    page.get_by_role("button", name="Execute now").click()
    page.wait_for_url("**/sync/syncrun/*/change/")
    assert SyncRun.objects.latest("pk").started_by.username == "sam"
    assert status_of(page, f"/admin/connector/tenant/{tenant.pk}/delete/") == 403
    assert status_of(page, "/admin/auth/user/") == 403


def test_an_administrator_limits_somebody_to_a_tenant(page, tenant, foreign, show):
    sam = add_staff("sam", Role.SUPPORT)
    add_staff("alex", Role.ADMINISTRATOR)
    log_in(page, "alex")
    page.goto(f"/admin/auth/user/{sam.pk}/change/")
    expect(page.locator("#id_is_superuser")).to_have_count(0)
    page.check("#id_tenant_access-0-is_limited", force=True)
    box = page.locator(".field-tenants .select2-search__field")
    box.click()
    box.fill("Acme")
    page.locator(".select2-results__option", has_text=MINE).click()
    show(page, "user-limited")
    page.click("button[name=_continue]")
    page.wait_for_load_state("networkidle")
    access = TenantAccess.objects.get(user=sam)
    assert access.is_limited
    assert list(access.tenants.all()) == [tenant]
    assert list(Tenant.objects.visible_to(User.objects.get(pk=sam.pk))) == [tenant]
    page.goto(tenant_page(tenant))
    expect(page.get_by_role("link", name="Delete")).to_be_visible()


def test_who_is_limited_meets_no_other_tenant(page, tenant, foreign, show):
    add_staff("sam", Role.SUPPORT, tenants=[tenant])
    log_in(page, "sam")
    for url in ("connector/tenant", "sync/syncrun", "sync/purchasesync"):
        page.goto(f"/admin/{url}/")
        expect(page.locator("#result_list").get_by_text(MINE).first).to_be_visible()
        assert FOREIGN not in page.content()
        assert "Zebra" not in page.content()
    page.goto("/admin/connector/tenant/")
    expect(page.get_by_role("link", name="Add tenant")).to_have_count(0)
    show(page, "limited-tenants")
    page.goto("/admin/sync/purchasesync/?q=Zebra")
    assert "2002" not in page.content()
    run = SyncRun.objects.get(tenant=foreign)
    for url in (
        tenant_page(foreign),
        f"/admin/connector/tenant/{foreign.pk}/history/",
        f"/admin/connector/tenant/{foreign.pk}/export/",
        f"/admin/connector/tenant/{foreign.pk}/execute/",
        f"/admin/sync/syncrun/{run.pk}/change/",
        f"/admin/sync/syncrun/{run.pk}/progress/",
        f"/admin/sync/purchasesync/{run.purchases.get().pk}/change/",
    ):
        assert status_of(page, url) == 404, url


def test_the_second_to_save_is_told_what_the_first_changed(page, tenant, show):
    add_staff("sam", Role.SUPPORT)
    log_in(page, "sam")
    page.goto(tenant_page(tenant))
    page.fill("#id_name", "Acme East")
    import_tenant({"slug": "acme", "transactions": {"refunds": "send"}}, {})
    page.click("button[name=_continue]")
    expect(page.get_by_text("nothing was saved")).to_be_visible()
    expect(
        page.get_by_text(re.compile("a script, .*hold for a person"))
    ).to_be_visible()
    expect(page.locator("#id_name")).to_have_value("Acme East")
    show(page, "tenant-changed-meanwhile")
    page.click("button[name=_continue]")
    page.wait_for_load_state("networkidle")
    tenant.refresh_from_db()
    assert tenant.name == "Acme East"


def test_a_file_goes_out_and_comes_in(page, tenant, show, tmp_path):
    add_staff("ann", Role.ADMINISTRATOR)
    log_in(page, "ann")
    page.goto(tenant_page(tenant))
    page.locator("li > a", has_text="More").first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").first.click()
    data = json.loads(download.value.path().read_text())
    page.goto("/admin/connector/tenant/")
    page.get_by_role("link", name="Import").first.click()
    show(page, "import")
    file = tmp_path / "tenant.json"
    file.write_text(json.dumps(data | {"colour": "blue"}))
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("Unknown key").first).to_be_visible()
    show(page, "import-refused")
    file.write_text(json.dumps(data | {"name": "Acme West"}))
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("was changed from the file")).to_be_visible()
    tenant.refresh_from_db()
    assert tenant.name == "Acme West"


def test_settings_are_copied_from_another_tenant(page, tenant, foreign, show):
    add_staff("sam", Role.SUPPORT)
    log_in(page, "sam")
    page.goto(tenant_page(tenant))
    page.locator("li > a", has_text="More").first.click()
    page.get_by_role("link", name="Copy settings").first.click()
    page.select_option("#id_source", label=FOREIGN)
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_text("send as a negative invoice")).to_be_visible()
    show(page, "copy")
    page.get_by_role("button", name="Copy what is ticked").click()
    expect(page.get_by_text("were copied to")).to_be_visible()
    tenant.transactions.refresh_from_db()
    assert tenant.transactions.refunds == "send"
    assert tenant.transactions.vendor_code == "PEX01"
