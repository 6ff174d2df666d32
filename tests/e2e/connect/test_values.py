"""Choosing values, words and effects on a tenant's page, in a real browser."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from connector.codes.reading import refresh_all
from connector.codes.tag_making import read_tags
from connector.connections.clients import cmic_client
from connector.models import CmicCode, CodeRefresh, FieldMapping, TransactionSettings
from sync.engine.run.preparing import prepare
from sync.engine.run.requesting import request_run
from tests.e2e.choosing import OFFERED, box, choose, close, look, open_tab, save
from tests.e2e.conftest import log_in
from tests.simulators.pex.tags import JOB
from tests.support.factories import make_tenant

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("administrator")]

ROW = "#mapping-{} .connector-words"


def go(page: Page, tenant, tab: str) -> None:
    page.goto(f"/admin/connector/tenant/{tenant.pk}/change/#{tab}")
    page.reload()


@pytest.fixture
def read(pex, cmic):
    tenant = make_tenant(pex.url, cmic.url)
    refresh_all(tenant, cmic_client(tenant))
    read_tags(tenant)
    return tenant


def test_only_choices_are_there_already(page, read, show):
    TransactionSettings.objects.update(
        company_code="", source_uuid="", document_type_uuid="", vendor_code=""
    )
    CmicCode.objects.filter(kind="company").exclude(code="001").delete()
    CmicCode.objects.filter(kind="vendor").exclude(code="PEX01").delete()
    log_in(page, "admin")
    go(page, read, "transactions")
    for name, said in (
        ("company_code", "001 Acme Construction Inc"),
        ("source_uuid", "PEX"),
        ("document_type_uuid", "AP Invoice"),
        ("vendor_code", "PEX01 PEX Card Purchases"),
    ):
        expect(box(page, f"id_transactions-0-{name}")).to_contain_text(said)
    show(page, "values-only-choices")
    save(page)
    assert TransactionSettings.objects.get().missing_settings() == []


def test_one_among_many_is_found_by_its_name_and_the_keyboard(page, read, show):
    CmicCode.objects.bulk_create(
        CmicCode(
            tenant=read,
            kind="job",
            company="001",
            code=f"9{number:05}",
            name=f"Job {number}",
            seen_at=timezone.now(),
        )
        for number in range(5000)
    )
    log_in(page, "admin")
    go(page, read, "mappings")
    look(page, "id_mappings-3-default_value", "job 49")
    show(page, "values-search")
    close(page)
    choose(page, "id_mappings-3-default_value", "job 4987", "904987")
    expect(page.locator(ROW.format("job_dept_eqp"))).to_have_text(
        "Job: the tag Job/Dept/Eqp., else 904987 Job 4987."
    )
    offered = look(page, "id_mappings-3-default_value", "old mill")
    expect(offered.first).to_contain_text("inactive in CMiC")
    close(page)
    save(page)
    assert FieldMapping.objects.get(field="job_dept_eqp").default_value == "904987"


def test_what_is_chosen_above_decides_what_there_is(page, read, show):
    log_in(page, "admin")
    go(page, read, "mappings")
    page.select_option("#id_mappings-3-source", "static")
    choose(page, "id_mappings-3-static_value", "017401", "017401")
    page.select_option("#id_mappings-4-source", "static")
    expect(look(page, "id_mappings-4-static_value")).to_have_count(6)
    close(page)
    choose(page, "id_mappings-4-static_value", "reinf", "03.200")
    offered = look(page, "id_mappings-5-static_value")
    expect(offered).to_have_text(["1000 Labor", "4000 Material"])
    close(page)
    page.select_option("#id_mappings-2-static_value", "G")
    expect(page.locator("#type-change")).to_contain_text("017401 is no department")
    expect(page.locator(ROW.format("cost_type_tran_code"))).to_contain_text(
        "A department has no third code"
    )
    offered = look(page, "id_mappings-3-static_value", "field")
    expect(offered).to_have_text(["10 Field operations"])
    close(page)
    show(page, "values-type-changed")


def test_a_list_that_was_never_read_takes_a_typed_code(page, pex, cmic, show):
    tenant = make_tenant(pex.url, cmic.url)
    log_in(page, "admin")
    go(page, tenant, "mappings")
    look(page, "id_mappings-3-default_value")
    expect(page.locator(OFFERED)).to_contain_text("was not read yet")
    close(page)
    choose(page, "id_mappings-3-default_value", "88.001", "88.001")
    expect(box(page, "id_mappings-3-default_value")).to_contain_text("unchecked")
    expect(page.locator(ROW.format("job_dept_eqp"))).to_contain_text("It is unchecked")
    show(page, "values-unchecked")
    save(page)
    assert FieldMapping.objects.get(field="job_dept_eqp").default_value == "88.001"
    expect(box(page, "id_mappings-3-default_value")).to_contain_text("unchecked")


def test_a_closed_code_and_a_deleted_tag_stay_in_sight(page, read, pex, show):
    CmicCode.objects.filter(kind="job", code="017401").update(is_active=False)
    pex.delete_tag(JOB)
    log_in(page, "admin")
    go(page, read, "mappings")
    page.get_by_role("button", name="Read PEX tags again").click()
    expect(page.get_by_text("PEX has 2 dropdown tags")).to_be_visible()
    shown = box(page, "id_mappings-3-default_value")
    expect(shown).to_contain_text("inactive in CMiC")
    expect(box(page, "id_mappings-3-tag")).to_contain_text("not in PEX any more")
    expect(page.locator(ROW.format("job_dept_eqp"))).to_contain_text("broken")
    show(page, "values-broken")
    page.get_by_role("button", name="Create PEX tags for CMiC").click()
    expect(page.get_by_text(f"Created in PEX: “{JOB}”.")).to_be_visible()
    expect(page.locator(ROW.format("job_dept_eqp"))).not_to_contain_text("broken")


def test_the_effect_of_a_change_is_told_before_it_is_saved(page, read, pex, show):
    pex.add_purchase(amount=Decimal("20.00"), tags={JOB: "017401"})
    pex.add_purchase(amount=Decimal("30.00"))
    run, _ = request_run(read, "manual")
    prepare(run.pk)
    log_in(page, "admin")
    go(page, read, "mappings")
    effect = page.locator("#effect")
    expect(effect).to_be_hidden()
    choose(page, "id_mappings-3-default_value", "harbor", "24.018")
    expect(effect).to_contain_text("1 is sent otherwise")
    expect(effect).to_contain_text("017401 / 02.100 / 4000 → 24.018 / 02.100 / 4000")
    show(page, "values-effect")
    open_tab(page, "transactions")
    page.check("#id_transactions-0-attachments_only", force=True)
    expect(effect).to_contain_text("2 are left out")
    read.transactions.refresh_from_db()
    assert not read.transactions.attachments_only
    assert CodeRefresh.objects.exists()
