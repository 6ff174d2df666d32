"""The page of one purchase: its story in time order, its invoice, and the way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from sync.admin.remedies import remedy_for
from sync.models import Decision, RunOutcome, SyncAttempt
from sync.rules.reasons import ReasonCode
from tests.support.factories import make_tenant
from tests.support.rows import (
    UNKNOWN_JOB,
    add_names,
    add_purchase,
    add_run,
    text_of,
)

SWIPED = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
LATER = datetime(2099, 3, 2, 15, 0, tzinfo=UTC)
LINE = {
    "type": "J",
    "codes": ["017401", "02.100", "4000"],
    "sources": ["tag", "default", "static"],
    "amount": "118.40",
}


@pytest.fixture
def acme(db):
    tenant = make_tenant()
    add_names(tenant, currency="CAD")
    return tenant


def page_of(client, row):
    return text_of(client, reverse("admin:sync_purchasesync_change", args=[row.pk]))


def words_of(client, row):
    return " ".join(strip_tags(page_of(client, row).replace("<", " <")).split())


def end_run(tenant, row, hours, status, reasons=()):
    """A run that ended some hours after the swipe with this for the purchase."""
    run = add_run(tenant, ended_at=SWIPED + timedelta(hours=hours))
    RunOutcome.objects.create(
        run=run, purchase=row, status=status, reasons=list(reasons)
    )
    return run


def add_attempt(row, hours, outcome, **values):
    began = SWIPED + timedelta(hours=hours)
    values = {
        "payload": {"headerData": {"Apri_Inv_Code": "PEX-4711"}},
        "ended_at": began + timedelta(seconds=2),
        **values,
    }
    return SyncAttempt.objects.create(
        purchase=row,
        run=row.run,
        invoice_number="PEX-4711",
        document_name="a.pdf",
        document_digest="0" * 64,
        started_at=began,
        outcome=outcome,
        **values,
    )


def test_the_story_goes_from_the_swipe_to_the_marker_in_time_order(admin_client, acme):
    row = add_purchase(
        add_run(acme),
        4711,
        occurred_at=SWIPED,
        settled_at=SWIPED + timedelta(hours=1),
        invoice_number="PEX-4711",
        posted_at=SWIPED + timedelta(hours=9),
        marker_note_id=5,
        marker_written_at=SWIPED + timedelta(hours=9, seconds=30),
        marker_seen_at=SWIPED + timedelta(hours=30),
    )
    blocked = [
        end_run(acme, row, hours, "blocked", [UNKNOWN_JOB]) for hours in (2, 3, 4)
    ]
    add_attempt(row, 5, "lost", answer="")
    decision = Decision.objects.create(
        purchase=row,
        kind="send_again",
        why="Not in Image Manager.",
        decided_by=User.objects.get(username="admin"),
    )
    Decision.objects.filter(pk=decision.pk).update(
        decided_at=SWIPED + timedelta(hours=8)
    )
    add_attempt(row, 9, "accepted", answer_status=200, answer="{}")
    said = words_of(admin_client, row)
    parts = [
        "Card used at Ferguson Supply by Ana Ruiz: 118.40 CAD",
        "Settled in PEX",
        f"Run {blocked[0].pk}",
        "CMiC has no job “999”.",
        f"The same in 2 more runs, the last of them Run {blocked[-1].pk} on",
        "answer lost",
        "the connection was lost after 2.0 s",
        "“Send again” by admin",
        "Not in Image Manager.",
        "HTTP 200 after 2.0 s",
        "Marker written to PEX",
        "Marker first seen by a sync",
    ]
    story = said[said.index("What happened") :]
    places = [story.index(part) for part in parts]
    assert places == sorted(places)
    assert "Mar 2, 2026, 10:00 EST" in story
    assert "Found in CMiC under its number" not in story


def test_what_was_found_without_an_answer_says_so(admin_client, acme):
    row = add_purchase(
        add_run(acme),
        4711,
        status="posted",
        invoice_number="PEX-4711",
        posted_at=SWIPED + timedelta(days=1),
    )
    add_attempt(row, 5, "lost")
    assert "Found in CMiC under its number, PEX-4711" in words_of(admin_client, row)


def test_a_blocked_purchase_shows_the_invoice_that_it_would_be(admin_client, acme):
    row = add_purchase(
        add_run(acme),
        4711,
        status="blocked",
        reasons=[UNKNOWN_JOB],
        lines=[LINE],
        invoice_on=SWIPED.date(),
    )
    said = words_of(admin_client, row)
    assert "The invoice as it would be sent" in said
    assert "Number PEX-4711 Date 2026/03/02" in said
    assert "Description Ferguson Supply - Ana Ruiz" in said
    # Nothing was sent, so there is nothing to look for.
    assert "Image Manager" not in said
    for code, source in (("017401", "tag"), ("02.100", "default"), ("4000", "static")):
        assert f"{code} {source}" in said


def test_a_sent_purchase_shows_the_invoice_as_it_was_sent(admin_client, acme):
    row = add_purchase(
        add_run(acme),
        4711,
        lines=[LINE],
        invoice_on=SWIPED.date(),
        invoice_number="PEX-4711",
        posting_at=SWIPED,
        posted_at=SWIPED,
    )
    header = {"Apri_Inv_Code": "PEX-4711", "Apri_Ven_Code": "OLDVENDOR"}
    place = {
        "srcUuid": acme.transactions.source_uuid,
        "docTypeUuid": "no longer known",
    }
    add_attempt(row, 5, "accepted", payload={**place, "headerData": header})
    said = words_of(admin_client, row)
    assert "The invoice as it was sent" in said
    assert "Vendor OLDVENDOR" in said
    assert "Image Manager › AP Invoices › no longer known › PEX-4711" in said


@pytest.mark.parametrize("values", [{"amount": None}, {"invoice_on": None}, {}])
def test_an_invoice_that_cannot_be_built_says_why(admin_client, acme, values):
    lines = [{**LINE, "amount": "1.00"}]
    values = {"invoice_on": SWIPED.date(), **values}
    row = add_purchase(add_run(acme), 4711, status="blocked", lines=lines, **values)
    said = words_of(admin_client, row)
    assert "add up to 1.00" in said or "no amount or no date" in said


def test_a_tenant_that_is_not_complete_any_more_still_shows_its_purchases(
    admin_client, acme
):
    row = add_purchase(add_run(acme), 4711, status="blocked", lines=[LINE])
    acme.mappings.all().delete()
    assert "are not complete" in words_of(admin_client, row)
    acme.cmic.delete()
    add_attempt(row, 1, "lost")
    assert page_of(admin_client, row)


def test_every_reason_has_a_way_out(acme):
    for code in ReasonCode:
        remedy = remedy_for(code, acme.pk)
        assert remedy.sentence.endswith(".")
        for url, _text in remedy.links:
            assert url.startswith(f"/admin/connector/tenant/{acme.pk}/change/#")


def test_tags_are_shown_as_pex_had_them(admin_client, acme):
    facts = {
        "tags": [["7", "Job", "<b>24-0999</b>"]],
        "splits": [{"amount": "1", "tags": [["8", "", None]]}],
    }
    row = add_purchase(add_run(acme), 4711, facts=facts)
    body = page_of(admin_client, row)
    assert "Job: <strong>&lt;b&gt;24-0999&lt;/b&gt;</strong>" in body
    assert "Split 1, 8: <strong>–</strong>" in body


def test_the_page_costs_the_same_for_any_history(admin_client, acme):
    counts = []
    for number, size in ((1, 1), (2, 12)):
        row = add_purchase(add_run(acme), number, status="failed", lines=[LINE])
        for hours in range(size):
            end_run(acme, row, hours, "blocked", [{**UNKNOWN_JOB, "n": hours}])
            add_attempt(row, hours, "refused", answer=str(hours))
            Decision.objects.create(purchase=row, kind="retry", why="x")
        page_of(admin_client, row)
        with CaptureQueriesContext(connection) as queries:
            page_of(admin_client, row)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("run", "auto_sync", "words"),
    [
        (None, False, "The next Execute takes it up; auto-sync is off."),
        ({"status": "running"}, True, "is at work and takes it up."),
        (
            {"status": "running", "resume_at": LATER, "message": "CMiC is down."},
            True,
            "waits and goes on at 10:00:00 EST: CMiC is down.",
        ),
        (
            {"status": "running", "resume_at": SWIPED, "message": "CMiC is down."},
            True,
            "goes on in a moment.",
        ),
        (
            {"status": "failed", "message": "The password is wrong."},
            True,
            "ended before it was done: The password is wrong. The next sync, Mar 3,",
        ),
    ],
)
def test_what_is_to_be_sent_says_when(admin_client, acme, run, auto_sync, words):
    acme.auto_sync = auto_sync
    acme.next_auto_sync_at = SWIPED + timedelta(days=1) if auto_sync else None
    acme.save()
    row = add_purchase(add_run(acme), 4711, status="pending", lines=[LINE])
    if run:
        add_run(acme, **run)
    assert words in words_of(admin_client, row)


@pytest.mark.parametrize("status", ["pending", "blocked"])
@pytest.mark.parametrize("code", ["outside_window", "gone_from_pex"])
def test_of_what_no_sync_looks_at_no_sync_is_promised(admin_client, acme, status, code):
    reason = {"code": code, "message": "No sync looks at it.", "who": "support"}
    row = add_purchase(add_run(acme), 4711, status=status, reasons=[reason])
    said = words_of(admin_client, row)
    assert "No sync looks at it." in said
    assert "takes it up" not in said
    assert "Every sync" not in said


def test_what_was_only_marked_does_not_claim_to_be_in_cmic(admin_client, acme):
    row = add_purchase(add_run(acme), 4711, invoice_number="PEX-4711")
    Decision.objects.create(
        purchase=row,
        kind="mark_synced",
        why="Booked by hand.",
        decided_by=User.objects.get(username="admin"),
    )
    said = words_of(admin_client, row)
    assert "Marked as synced by admin; the connector did not send it." in said
    assert "It is in CMiC" not in said


def test_a_missing_marker_does_not_hide_that_cmic_has_it(admin_client, acme):
    denied = {"code": "credentials_refused", "message": "No right.", "who": "support"}
    row = add_purchase(
        add_run(acme),
        4711,
        status="posted",
        invoice_number="PEX-4711",
        posting_at=SWIPED,
        reasons=[denied],
        is_deferred=True,
    )
    said = words_of(admin_client, row)
    assert "It is in CMiC as PEX-4711; only PEX's marker is missing." in said.replace(
        "&#x27;", "'"
    )
    assert "Grant the right that is named" in said


def test_where_nothing_is_to_be_done_nobody_is_asked(admin_client, acme):
    declined = {"code": "declined", "message": "Declined.", "who": "cardholder"}
    row = add_purchase(add_run(acme), 4711, status="skipped", reasons=[declined])
    said = words_of(admin_client, row)
    assert "Nothing to do." in said
    assert "This is for" not in said


@pytest.mark.parametrize("name", ["purchasesync", "syncrun", "preview", "alert"])
def test_a_mistyped_address_is_not_found(admin_client, acme, name):
    for wrong in ("abc", "1/mark", "9" * 30, "²"):
        url = f"/admin/sync/{name}/{wrong}/change/"
        assert admin_client.get(url).status_code == 404
