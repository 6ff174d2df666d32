"""Support staff sync tags: see the difference, write it, say yes to a short list."""

from __future__ import annotations

import pytest

from connector.models import Tenant
from sync.engine.judging.context import TenantContext
from sync.engine.tags.sync import read_lists
from tests.e2e.conftest import log_in
from tests.simulators.pex.tags import JOB, PHASE
from tests.support.factories import make_tenant
from tests.support.rows import remove_for_good
from tests.support.tags import follow, listed

pytestmark = pytest.mark.browser


def test_from_the_tenants_page_to_pex(page, administrator, pex, cmic, show):
    tenant = follow(make_tenant(pex.url, cmic.url), JOB, PHASE)
    Tenant.objects.update(dependent_options=True)
    read_lists(TenantContext(tenant))
    cmic.books.open_job("26.001", "Harbor Tower", like="017401")
    cmic.books.change_job("017402", name="Main Street Garage")
    cmic.close_job("018001")
    log_in(page, "admin")
    page.goto(f"/admin/connector/tenant/{tenant.pk}/change/#mappings")
    page.click("#mapping-job_dept_eqp details summary")
    show(page, "tags-mappings")
    page.goto(f"/admin/connector/tenant/{tenant.pk}/change/#sync")
    page.reload()
    show(page, "tags-tenant")
    page.click("#tags >> text=Sync tags")
    page.click("text=Read CMiC's lists now")
    page.wait_for_selector("text=Harbor Tower")
    show(page, "tags-difference")
    page.click("text=Sync tags: write this to PEX")
    page.wait_for_selector("text=3 added, 2 renamed, 3 disabled.")
    assert listed(pex)["26.001"] == ("Harbor Tower", True)
    page.click("details.connector-folded summary >> nth=0")
    show(page, "tags-done")

    jobs = [each.code for each in cmic.books.contractor.jobs]
    remove_for_good(cmic, "job", jobs)
    page.click("text=Read CMiC's lists now")
    page.wait_for_selector("text=Disable them all the same")
    show(page, "tags-waiting")
    page.click("#tag-job_dept_eqp >> text=Disable them all the same")
    show(page, "tags-question")
    page.click("text=Yes, disable them")
    page.wait_for_selector("text=disabled.")
    assert not listed(pex)["017401"][1]

    pex.faults.set("tags_off")
    page.reload()
    show(page, "tags-broken")
    pex.faults.clear()
    Tenant.objects.get().mappings.update(sync_options=False)
    page.reload()
    show(page, "tags-empty")
