"""Tag options as a part of a run: the story of a day, and what goes wrong in it."""

from __future__ import annotations

import pytest

from sync.models import PurchaseSync, SyncRun, TagSync
from tests.simulators.pex.tags import JOB, PHASE
from tests.support.driver import execute, number_of, row_of
from tests.support.tags import follow, listed, set_options, writes

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")
JOB_TAG, PHASE_TAG = "Job/Dept/Eqp.", "Cost Code/Account/Category"


def lines_of(cmic, purchase):
    (invoice,) = cmic.invoices(number_of(purchase))
    names = ("Aprid_Jobdepteqp_Code", "Aprid_Costaccount_Code")
    return [tuple(line[name] for name in names) for line in invoice.lines]


def test_a_job_created_at_noon_is_choosable_and_its_purchase_lands_under_its_code(
    tenant, pex, cmic
):
    """Morning: a sync. Noon: a job. Next sync: an option. Then a purchase with it."""
    tenant = follow(tenant, JOB, PHASE)
    assert execute(tenant).status == SyncRun.State.SUCCEEDED
    assert "26.001" not in listed(pex)

    cmic.books.open_job("26.001", "Harbor Tower", like="017401")

    run = execute(tenant)
    assert listed(pex)["26.001"] == ("Harbor Tower", True)
    jobs = TagSync.objects.get(run=run, field="job_dept_eqp")
    assert (jobs.state, jobs.added) == (TagSync.State.SUCCEEDED, 1)

    chosen = pex.add_purchase("118.40", tags={JOB_TAG: "26.001", PHASE_TAG: "02.100"})
    assert execute(tenant).status == SyncRun.State.SUCCEEDED
    assert lines_of(cmic, chosen) == [("26.001", "02.100")]
    assert pex.markers(chosen) == 1


def test_what_was_tagged_before_a_change_of_the_option_is_coded_all_the_same(
    tenant, pex, cmic
):
    tenant = follow(tenant, JOB)
    set_options(pex, JOB, ("Main Street Garage", "By hand"), ("Oak Avenue", "017402"))
    by_hand = pex.add_purchase("10.00", tags={JOB_TAG: "By hand"})
    by_name = pex.add_purchase("20.00", tags={JOB_TAG: "Oak Avenue"})
    run = execute(tenant)
    assert run.status == SyncRun.State.SUCCEEDED, run.message
    assert listed(pex)["017402"][0] == "Oak Avenue Townhouses"
    assert lines_of(cmic, by_hand) == [("017401", "02.100")]
    assert lines_of(cmic, by_name) == [("017402", "02.100")]


def test_trouble_with_tags_is_told_by_the_run_and_stops_no_purchase(tenant, pex, cmic):
    tenant = follow(tenant, JOB, PHASE)
    purchase = pex.add_purchase("10.00")
    pex.delete_tag(PHASE)
    tenant.mappings.filter(field="cost_type_tran_code").update(static_value="4000")
    pex.faults.set("server_error", match="PUT ")
    run = execute(tenant)
    assert "PEX has no tag “Cost Code/Account/Category” any more" in run.message
    assert "Tag “Job/Dept/Eqp.”: PEX answered 500" in run.message
    assert run.status == SyncRun.State.SUCCEEDED
    assert row_of(purchase).status == "blocked"
    assert PurchaseSync.objects.count() == 1

    pex.faults.clear()
    pex.faults.set("tags_off")
    run = execute(tenant)
    assert "does not support the Tags Feature" in run.message
    assert run.status == SyncRun.State.SUCCEEDED
    assert writes(pex)[-1].status == 500


def test_dead_credentials_end_the_run_before_its_purchases(tenant, pex, cmic):
    tenant = follow(tenant, JOB)
    execute(tenant)
    pex.faults.set("token_expired")
    run = execute(tenant)
    assert run.reason == SyncRun.Reason.CREDENTIALS_REFUSED


def test_a_tenant_without_the_switch_makes_no_call_for_it(tenant, pex):
    execute(tenant)
    assert not TagSync.objects.exists()
    assert [call for call in pex.calls if "/tag" in call.path.lower()] == []
