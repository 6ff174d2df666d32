"""PEX or CMiC fails for everybody: few calls are wasted, the run waits and goes on."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from connector import clock
from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.models import Tenant
from connector.transfer.importing import import_tenant
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import due_tenants, recover
from sync.engine.run.requesting import request_run
from sync.engine.steps import Step
from sync.models import PurchaseSync, SyncRun
from tests.support.driver import drive, execute, number_of, row_of, set_up
from tests.support.factories import tenant_data

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

UPLOAD = "uploadApRegInvoice"


def go_on(times):
    """As beat would, each minute, with every waiting purchase due again."""
    for _ in range(times):
        waiting = SyncRun.objects.active().exclude(resume_at=None)
        waiting.update(resume_at=clock.now())
        PurchaseSync.objects.exclude(not_before=None).update(not_before=None)
        drive(recover())
        for run in SyncRun.objects.active().filter(resume_at=None):
            drive([Step(run.pk, run.queue, run.lane_set)])


def posts(simulator, part):
    calls = [call for call in simulator.calls if call.method == "POST"]
    return [call for call in calls if part in call.path]


@pytest.fixture
def crowd(tenant, pex, cmic):
    """Twenty purchases to send, and codes that were read while all was well."""
    refresh_all(tenant, cmic_client(tenant))
    return [pex.add_purchase(amount=Decimal("5.00")) for _ in range(20)]


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("server_error", {"match": UPLOAD, "status": 503}),
        ("redirect", {"match": UPLOAD}),
        ("garbage_ok", {"stored": False}),
        ("maintenance", {"status": 200, "match": UPLOAD}),
    ],
)
def test_whatever_a_host_answers_instead_it_gets_five_uploads_at_most(
    tenant, cmic, crowd, fault, options
):
    cmic.faults.set(fault, **options)
    run = execute(tenant)
    assert (run.status, run.reason) == ("running", "outage")
    assert len(posts(cmic, UPLOAD)) <= 5
    untouched = PurchaseSync.objects.filter(status="pending", attempt_count=0)
    assert untouched.count() >= len(crowd) - 5


def test_a_dead_host_gets_no_upload_until_it_answers(tenant, cmic, crowd):
    cmic.faults.set("maintenance")
    run = execute(tenant)
    cmic.clear_calls()
    go_on(5)
    assert posts(cmic, UPLOAD) == []
    cmic.faults.clear()
    go_on(2)
    run.refresh_from_db()
    assert (run.status, len(cmic.invoices())) == ("succeeded", len(crowd))


def test_a_pex_that_takes_no_notes_pauses_the_run_while_cmic_lives(
    tenant, pex, cmic, crowd
):
    pex.faults.set("note_500_before_store")
    run = execute(tenant)
    assert (run.status, run.reason) == ("running", "outage")
    assert len(posts(pex, "Note")) <= 5
    pex.faults.clear()
    go_on(3)
    run.refresh_from_db()
    assert run.status == "succeeded"
    assert [pex.markers(each) for each in crowd] == [1] * len(crowd)


def test_a_token_that_may_write_no_notes_ends_the_run_with_that_reason(
    tenant, pex, cmic, crowd
):
    pex.faults.set("note_forbidden")
    run = execute(tenant)
    assert (run.status, run.reason) == ("failed", "credentials_refused")
    assert len(posts(pex, "Note")) <= 5
    assert len(cmic.invoices()) <= 5
    pex.faults.clear()
    assert execute(tenant).status == "succeeded"
    assert [pex.markers(each) for each in crowd] == [1] * len(crowd)


@pytest.mark.parametrize("side", ["pex", "cmic"])
def test_an_outage_that_only_one_purchase_meets_is_one(tenant, pex, cmic, side):
    set_up(tenant, after_lost_answer="send_again")
    # Without one that CMiC shows, its absence would mean nothing.
    pex.add_purchase(amount=Decimal("4.00"))
    execute(tenant)
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    refresh_all(tenant, cmic_client(tenant))
    run, step = request_run(tenant, "manual")
    lanes = prepare(step.run_id)
    simulator = {"pex": pex, "cmic": cmic}[side]
    simulator.faults.set("maintenance")
    drive(lanes)
    go_on(6)
    run.refresh_from_db()
    assert (run.status, run.reason) == ("running", "outage")
    simulator.faults.clear()
    go_on(4)
    run.refresh_from_db()
    assert (run.status, row_of(purchase).status) == ("succeeded", "completed")
    assert len(cmic.invoices(number_of(purchase))) == pex.markers(purchase) == 1


def test_pexs_list_is_asked_once_while_cmic_does_not_list_its_invoices(
    tenant, pex, cmic
):
    pex.add_purchase(amount=Decimal("5.00"))
    cmic.faults.set("lookup_error")
    execute(tenant)
    go_on(6)
    listings = [call for call in pex.calls if "AllCardholder" in call.path]
    assert len(listings) == 1


def test_a_list_without_a_list_is_no_empty_window(tenant, pex, cmic):
    pex.add_purchase(amount=Decimal("5.00"))
    pex.faults.set("garbage_ok", match="AllCardholderTransactions")
    run = execute(tenant)
    assert (run.status, run.reason) == ("running", "outage")


@pytest.fixture
def unreadable(tenant, pex, cmic):
    """The tenant with a secret that no key opens."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE connector_pexconnection SET token = 'gAAAAAbad'")
    return tenant


def test_a_tenant_whose_secret_no_key_opens_holds_up_no_other(unreadable, pex, cmic):
    other, _ = import_tenant({**tenant_data(pex.url, cmic.url), "slug": "b"}, {})
    Tenant.objects.update(
        auto_sync=True, next_auto_sync_at=timezone.now() - timedelta(hours=1)
    )
    steps = due_tenants()
    assert [run.tenant_id for run in SyncRun.objects.all()] == [other.pk]
    assert len(steps) == 1


def test_a_run_that_cannot_read_its_secret_ends_and_says_so(tenant, pex, cmic):
    run, step = request_run(tenant, "manual")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE connector_pexconnection SET token = 'gAAAAAbad'")
    drive([step])
    run.refresh_from_db()
    assert run.status == "failed"
    assert "FERNET_KEYS" in run.message
