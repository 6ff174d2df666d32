"""Pages of the Sync tab in states that no short story reaches, as people see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from sync.models import Decision, RunOutcome, SyncAttempt
from tests.e2e.conftest import log_in
from tests.support.factories import make_tenant
from tests.support.rows import (
    REFUND,
    UNKNOWN_JOB,
    add_alert,
    add_names,
    add_purchase,
    add_run,
    add_tag_sync,
)

SWIPED = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
LOST = {
    "code": "lost_answer",
    "message": "CMiC never answered, and does not show PEX-90002.",
    "who": "support",
}
REFUSED = {
    "code": "refused_by_cmic",
    "message": "CMiC refused the invoice: ORA-20001 the period is closed.",
    "who": "cmic_admin",
}
LINES = [
    {
        "type": "J",
        "codes": ["24-0117", "02.100", "4000"],
        "sources": ["tag", "default", "static"],
        "amount": "100.00",
    },
    {
        "type": "J",
        "codes": ["24-0999", "", "4000"],
        "sources": ["tag", "default", "static"],
        "amount": "18.40",
    },
]


@pytest.fixture
def acme(administrator):
    tenant = make_tenant()
    add_names(tenant)
    return tenant


def add_story(tenant):
    """A purchase of each status, one of them with a long history."""
    before, run = add_run(tenant, ended_at=SWIPED + timedelta(days=1)), add_run(tenant)
    common = {
        "lines": LINES,
        "occurred_at": SWIPED,
        "settled_at": SWIPED + timedelta(days=1),
        "invoice_on": SWIPED.date(),
        "facts": {"tags": [["1", "Job", "24-0117"]], "splits": []},
    }
    rows = {
        "blocked": {"reasons": [UNKNOWN_JOB, REFUND], "warnings": ["It was shrunk."]},
        "posting": {"reasons": [LOST], "needs_person": True},
        "failed": {"reasons": [REFUSED], "attempt_count": 2},
        "completed": {
            "posted_at": SWIPED + timedelta(days=2),
            "marker_written_at": SWIPED + timedelta(days=2, seconds=9),
            "marker_note_id": 7,
        },
    }
    made = {}
    for number, (status, values) in enumerate(rows.items(), start=90001):
        sent = status != "blocked"
        row = add_purchase(
            run,
            number,
            status=status,
            invoice_number=f"PEX-{number}" if sent else "",
            posting_at=SWIPED + timedelta(days=2) if sent else None,
            **common,
            **values,
        )
        for each in (before, run):
            RunOutcome.objects.create(
                run=each, purchase=row, status="blocked", reasons=[UNKNOWN_JOB]
            )
        if sent:
            add_attempts(row, status)
        made[status] = row
    Decision.objects.create(
        purchase=made["failed"], kind="retry", why="The period was opened again."
    )
    return made


def add_attempts(row, status):
    outcomes = {"posting": ["lost"], "failed": ["refused", "refused"]}
    for hours, outcome in enumerate(outcomes.get(status, ["accepted"])):
        began = SWIPED + timedelta(days=2, hours=hours)
        SyncAttempt.objects.create(
            purchase=row,
            run=row.run,
            invoice_number=row.invoice_number,
            payload={
                "headerData": {"Apri_Inv_Code": row.invoice_number},
                "detailData": [{"Aprid_Jobdepteqp_Code": "24-0117"}] * 20,
            },
            document_name="receipt.pdf",
            document_digest="0" * 64,
            started_at=began,
            ended_at=began + timedelta(seconds=1.4),
            outcome=outcome,
            answer_status=None if outcome == "lost" else 400,
            answer="" if outcome == "lost" else "ORA-20001: the period is closed.",
        )


def test_a_purchase_tells_why_in_each_of_its_states(page, acme, show):
    rows = add_story(acme)
    log_in(page, "admin")
    for status, row in rows.items():
        page.goto(reverse("admin:sync_purchasesync_change", args=[row.pk]))
        headings = page.locator("main h2, #main h2, h2.connector-heading")
        assert "118.40 USD at Ferguson Supply" in headings.first.inner_text()
        assert page.locator(".connector-story li").count() >= 3
        show(page, f"purchase-{status}")
    page.goto(reverse("admin:sync_purchasesync_change", args=[rows["failed"].pk]))
    page.get_by_text("What CMiC answered").first.click()
    assert page.get_by_text("ORA-20001: the period is closed.").first.is_visible()


def test_the_verbs_ask_before_they_do_anything(page, acme, show):
    rows = add_story(acme)
    log_in(page, "admin")
    page.goto(reverse("admin:sync_purchasesync_change", args=[rows["posting"].pk]))
    page.get_by_role("link", name="Send again").first.click()
    page.get_by_label("Why").fill("It is not in Image Manager.")
    show(page, "decision")
    page.goto(reverse("admin:sync_purchasesync_changelist"))
    for box in page.locator(".action-select").all():
        box.check(force=True)
    page.evaluate(
        "() => { const form = document.getElementById('changelist-form');"
        "form.querySelector('[name=action]').value = 'mark_as_synced_selected';"
        "form.submit(); }"
    )
    page.get_by_text("It applies to 3 of the 4 chosen").wait_for()
    show(page, "decision-of-several")


def test_a_run_that_is_at_work_and_one_that_has_ended(page, acme, show):
    add_story(acme)
    now = timezone.now()
    ended = add_run(
        acme,
        "partial",
        started_at=now - timedelta(minutes=3),
        counts={"seen": 9, "completed": 4, "blocked": 3, "failed": 1, "skipped": 1},
        message="2 invoices were in CMiC already.",
    )
    row = add_purchase(ended, 90100, posted_at=now - timedelta(minutes=1))
    RunOutcome.objects.create(run=ended, purchase=row, status="completed")
    acme.transactions.approved_only = True
    acme.transactions.save()
    add_tag_sync(
        ended,
        message="1 option was added.",
        added=1,
        difference={"added": [["24-0999", "North Tower"]]},
    )
    log_in(page, "admin")
    page.goto(reverse("admin:sync_syncrun_change", args=[ended.pk]))
    assert page.get_by_text("It brought 1 purchase over 118.40 USD").is_visible()
    show(page, "run-ended")
    active = add_run(acme, "running", prepared_at=now - timedelta(minutes=2))
    for number in range(91000, 91012):
        add_purchase(active, number, status="pending" if number % 3 else "completed")
    page.goto(reverse("admin:sync_syncrun_change", args=[active.pk]))
    bar = page.get_by_role("progressbar", name="Purchases worked on")
    assert bar.get_attribute("value") == "4"
    show(page, "run-active")
    page.get_by_role("link", name="Stop").first.click()
    show(page, "stop")


def test_alerts_and_what_was_mailed(page, acme, show):
    add_alert(acme, sent_at=timezone.now())
    add_alert(acme, occasion="2026-03-03")
    log_in(page, "admin")
    page.goto(reverse("admin:sync_alert_changelist"))
    assert page.get_by_text("Acme: 1 new").count() >= 2
    show(page, "alerts")
