"""Execute on the seeded tenant through a real worker: both sides' books compared.

What is expected is worked out here from what the simulators were seeded with, not by
the product's own rules.
"""

from __future__ import annotations

import io
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.utils import timezone
from pypdf import PdfReader

from sync.models import PurchaseSync, SyncRun
from tests.simulators.contractor import build_contractor
from tests.simulators.pex import PexSimulator
from tests.support.driver import number_of, set_up
from tests.support.factories import make_tenant
from tests.support.worker import running_worker

EASTERN = ZoneInfo("America/New_York")
CONTRACTOR = build_contractor()
JOBS = {job.code: job for job in CONTRACTOR.jobs if job.company == "001"}
PHASES = {
    (each.job, each.code): each.active
    for each in CONTRACTOR.phases
    if each.company == "001"
}
CATEGORIES = {
    (each.job, each.phase, each.code): each.active and each.phase_active
    for each in CONTRACTOR.categories
    if each.company == "001"
}
STORIES = {
    "pending": "pending",
    "declined": "declined",
    "refund": "refund_held",
    "dispute": "refund_held",
    "zero": "zero_amount",
    "marked": "already_synced",
    "split_mismatch": "split_mismatch",
}
NOT_ASKED_FOR_CODES = {"declined", "zero", "marked"}
JOB, PHASE = "Job/Dept/Eqp.", "Cost Code/Account/Category"


@pytest.fixture
def pex():
    simulator = PexSimulator(seed=1, purchases=200)
    with simulator.serve() as server:
        simulator.url = server.url
        yield simulator


@pytest.fixture
def tenant(transactional_db, pex, cmic):
    tenant = make_tenant(pex.url, cmic.url)
    set_up(tenant, start_date=timezone.now().date() - timedelta(days=80))
    return tenant


def execute(*options):
    """The command as a script runs it; its exit code."""
    with pytest.raises(SystemExit) as ended:
        call_command(
            "execute", "acme", "--wait", "--json", "--timeout", "120", *options
        )
    return ended.value.code


def expected_lines(summary):
    """(job, phase, amount) of each line: tag, else default."""
    if summary["splits"]:
        ids = {"65f0c1a2b3c4d5e6f7a8b901": JOB, "65f0c1a2b3c4d5e6f7a8b902": PHASE}
        for split in summary["splits"]:
            tags = {ids.get(key): value for key, value in split["values"].items()}
            yield tags.get(JOB, "017401"), tags.get(PHASE, "02.100"), split["amount"]
    else:
        tags = summary["tags"] or {}
        amount = -summary["amount"]
        yield tags.get(JOB, "017401"), tags.get(PHASE, "02.100"), str(amount)


def code_problem(job, phase):
    """The reason that CMiC's books give for not booking on job, phase and 4000."""
    if job not in JOBS:
        return "value_unknown"
    if JOBS[job].status_code == "C":
        return "value_inactive"
    if not PHASES.get((job, phase)) or not CATEGORIES.get((job, phase, "4000")):
        return "combination_invalid"
    return None


def expected_reasons(summary):
    story = summary["story"]
    reasons = {STORIES[story]} if story in STORIES else set()
    if story not in NOT_ASKED_FOR_CODES:
        lines = expected_lines(summary)
        reasons |= {code_problem(job, phase) for job, phase, _ in lines} - {None}
    return reasons


def expected_header(transaction, lines):
    day = transaction.moment.astimezone(EASTERN).strftime("%Y/%m/%d")
    amount = f"{-transaction.amount:.2f}"
    merchant, cardholder = transaction.merchant.name, transaction.cardholder.name
    said = f"{merchant} - {cardholder}".encode()[:30].decode(errors="ignore")
    header = {
        "Apri_Comp_Code": "001",
        "Apri_Ven_Code": "PEX01",
        "Apri_Group_Code": "PEX",
        "Apri_Inv_Code": f"PEX-{transaction.id}",
        "Apri_Inv_Date": day,
        "Apri_Due_Date": day,
        "Apri_Curr_Code": "USD",
        "Apri_Desc": said.rstrip(" -"),
        "Apri_Orig_Amt": amount,
        "Apri_Amt": amount,
        "Apri_Valid_Flag": "Y",
    }
    jobs = {job for job, _, _ in lines}
    if len(jobs) == 1:
        header["Apri_Job_Code"] = jobs.pop()
    return header


def check_invoice(invoice, transaction, lines):
    header = expected_header(transaction, lines)
    assert invoice.header == header
    assert invoice.lines == [
        {
            "Aprid_Line_Num": str(number),
            "Aprid_Comp_Code": "001",
            "Aprid_Type_Code": "J",
            "Aprid_Jobdepteqp_Code": job,
            "Aprid_Costaccount_Code": phase,
            "Aprid_Costtran_Code": "4000",
            "Aprid_Amt": f"{Decimal(amount):.2f}",
            "Aprid_Desc": header["Apri_Desc"],
        }
        for number, (job, phase, amount) in enumerate(lines, start=1)
    ]
    assert invoice.is_valid


def check_document(invoice, transaction):
    """One loaded file as it is, several as one PDF, none as the default page."""
    loaded = [each for each in transaction.attachments if each.status == "Loaded"]
    stem = f"PEX-{transaction.id}"
    if len(loaded) == 1:
        assert invoice.file == loaded[0].content
        start = invoice.file[:4]
        kind = {b"%PDF": "pdf", b"\x89PNG": "png"}.get(start, "jpg")
        assert invoice.file_name == f"{stem}.{kind}"
        types = {"pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg"}
        assert invoice.content_type == types[kind]
        return
    assert (invoice.content_type, invoice.file_name) == (
        "application/pdf",
        f"{stem}.pdf",
    )
    reader = PdfReader(io.BytesIO(invoice.file))
    if not loaded:
        assert reader.metadata.title == "No Attachment"
        return
    pages = [
        len(PdfReader(io.BytesIO(each.content)).pages)
        if each.content.startswith(b"%PDF")
        else 1
        for each in loaded
    ]
    assert len(reader.pages) == sum(pages)


def test_every_eligible_purchase_is_one_invoice_and_all_others_say_why(
    tenant, pex, cmic, capsys
):
    before = Counter(
        note.is_marker for each in pex.transactions() for note in each.notes
    )
    with running_worker():
        assert execute() == 0
        calls = [*pex.calls], [*cmic.calls]
        check_books(pex, cmic, before[True])
        check_calls(pex, *calls)
        pex.clear_calls()
        cmic.clear_calls()
        assert execute() == 0
    assert [call for call in pex.calls if call.method == "POST"] == []
    assert [call for call in cmic.calls if call.method == "POST"] == []
    assert SyncRun.objects.filter(status="succeeded").count() == 2
    capsys.readouterr()


def check_books(pex, cmic, markers_before):
    invoices = {invoice.number: invoice for invoice in cmic.invoices()}
    assert len(invoices) == len(cmic.invoices())
    rows = {row.pex_transaction_id: row for row in PurchaseSync.objects.all()}
    summaries = {each["id"]: each for each in pex.state()["transactions"]}
    sent = 0
    for transaction in pex.transactions():
        summary = summaries[transaction.id]
        if summary["kind"] in ("fee", "rebate"):
            assert transaction.id not in rows
            continue
        row, reasons = rows.pop(transaction.id), expected_reasons(summary)
        assert {reason["code"] for reason in row.reasons} == reasons, summary
        if reasons:
            assert number_of(transaction.id) not in invoices
            continue
        sent += 1
        assert row.status == "completed"
        assert pex.markers(transaction.id) == 1
        invoice = invoices.pop(number_of(transaction.id))
        check_invoice(invoice, transaction, list(expected_lines(summary)))
        check_document(invoice, transaction)
    assert (rows, invoices) == ({}, {})
    assert sent > 100
    markers = sum(pex.markers(each.id) for each in pex.transactions())
    assert markers == sent + markers_before


def check_calls(pex, pex_calls, cmic_calls):
    uploads = [call for call in cmic_calls if call.method == "POST"]
    notes = [call for call in pex_calls if call.method == "POST"]
    receipts = [call for call in pex_calls if "/attachment" in call.path.casefold()]
    sent = PurchaseSync.objects.filter(status="completed").count()
    assert len(uploads) == len(notes) == sent
    allowed = sum(
        1 + sum(each.status == "Loaded" for each in transaction.attachments)
        for transaction in pex.transactions()
        if transaction.attachments
    )
    assert len(receipts) <= allowed
    total = len(pex_calls) + len(cmic_calls)
    assert total - len(uploads) - len(notes) - len(receipts) <= 12
