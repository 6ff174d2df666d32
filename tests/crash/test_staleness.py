"""A real worker whose run waits out an outage, while people go on working in PEX."""

from __future__ import annotations

import time
from decimal import Decimal

from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from sync import tasks
from sync.engine.run.requesting import request_run
from sync.models import PurchaseSync, SyncRun
from tests.support.driver import number_of, set_up
from tests.support.factories import make_tenant
from tests.support.worker import running_worker

JOB = "Job/Dept/Eqp."
# An outage of 5 seconds beside 3: as an hour is to the 15 minutes that are usual.
SHORT = {"JUDGEMENT_GOOD_FOR": "3", "LEASE_SECONDS": "8", "HTTP_TIMEOUT": "3"}
LONGEST = 60


def wait_until(condition):
    deadline = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < deadline, list(SyncRun.objects.values())
        time.sleep(0.1)


def test_a_run_paused_by_an_outage_sends_nothing_on_an_old_judgement(
    transactional_db, pex, cmic
):
    tenant = make_tenant(pex.url, cmic.url)
    refresh_all(tenant, cmic_client(tenant))
    set_up(tenant, approved_only=True)
    jobs = [
        job.code
        for job in cmic.books.contractor.jobs
        if job.company == "001" and job.status_code != "C"
    ]
    marked, rejected, retagged, receipted = (
        pex.add_purchase(amount=Decimal("5.00"), tags={JOB: jobs[0]}) for _ in range(4)
    )
    cmic.faults.set("lookup_error", status=503)
    run, step = request_run(tenant, SyncRun.Trigger.MANUAL)
    with running_worker(**SHORT):
        tasks.send_on_commit(step)
        wait_until(lambda: SyncRun.objects.get().reason == "outage")
        assert PurchaseSync.objects.filter(status="pending").count() == 4
        pex.add_note(marked, "Synced with CMiC - entered by hand as voucher 4711")
        pex.change(rejected, approved="Rejected")
        pex.change(retagged, tags={JOB: jobs[1]})
        pex.change(receipted, receipts=["png"])
        cmic.faults.clear()
        wait_until(lambda: not SyncRun.objects.active().exists())
    run.refresh_from_db()
    assert run.status == "succeeded"
    sent = {invoice.number: invoice for invoice in cmic.invoices()}
    assert set(sent) == {number_of(retagged), number_of(receipted)}
    line = sent[number_of(retagged)].lines[0]
    assert line["Aprid_Jobdepteqp_Code"] == jobs[1]
    assert b"No Attachment" not in sent[number_of(receipted)].file
    listings = [call for call in pex.calls if "AllCardholder" in call.path]
    assert len(listings) == 2
