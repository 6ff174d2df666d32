"""No page asks the database more often because there are more rows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import Entry
from audit.recording import record
from sync.models import Decision, RunOutcome, SyncAttempt
from tests.support.factories import make_tenant
from tests.support.people import add_lock
from tests.support.rows import (
    REFUND,
    UNKNOWN_JOB,
    add_alert,
    add_meaning,
    add_preview,
    add_purchase,
    add_run,
    add_tag_sync,
    body_of,
)
from tests.sync.admin.test_roles import PAGES, address

# They ask PEX or CMiC, which nobody serves here, or nothing but a session.
ASIDE = {
    "connector_tenant_choices",
    "connector_tenant_sync_tags",
    "sync_purchasesync_receipts",
    "sync_purchasesync_document",
}


def add_rows(tenant, start, count):
    """So many of everything, all of one tenant."""
    before, run = add_run(tenant), add_run(tenant)
    preview = add_preview(
        tenant, purchases=[{"pex_transaction_id": start + n} for n in range(count)]
    )
    for number in range(start, start + count):
        row = add_purchase(
            run,
            number,
            status="posting",
            invoice_number=f"PEX-{number}",
            needs_person=True,
            reasons=[{**UNKNOWN_JOB, "value": str(number)}, REFUND],
            lines=[{"type": "J", "codes": ["1"], "sources": ["tag"], "amount": "1"}],
        )
        for each in (before, run):
            RunOutcome.objects.create(run=each, purchase=row, status="blocked")
        SyncAttempt.objects.create(
            purchase=row,
            run=run,
            invoice_number=row.invoice_number,
            payload={},
            document_name="a.pdf",
            document_digest="0" * 64,
            started_at=run.started_at,
        )
        Decision.objects.create(purchase=row, kind="send_again", why="x")
        add_tag_sync(run)
        meaning = add_meaning(tenant, str(number))
        alert = add_alert(tenant, occasion=str(number))
        entry = record(Entry.Kind.EXPORT, "Taken.", tenant=tenant)
        lock = add_lock(f"person-{number}")
        person = User.objects.create_user(f"person-{number}", password="x")
        group = Group.objects.create(name=f"Group {number}")
        person.groups.add(group)
        tenant.transactions.approved_only = not tenant.transactions.approved_only
        tenant.transactions.save()
    return {
        "connector_tenant": tenant,
        "connector_tagmeaning": meaning,
        "sync_syncrun": run,
        "sync_purchasesync": row,
        "sync_preview": preview,
        "sync_alert": alert,
        "audit_entry": entry,
        "logins_lock": lock,
        "auth_user": person,
        "auth_group": group,
    }


def count_queries(client, rows):
    counts = {}
    for name in PAGES:
        if name in ASIDE:
            continue
        url = address(name, rows)
        with CaptureQueriesContext(connection) as queries:
            body_of(client.get(url))
        counts[name] = len(queries)
    return counts


@pytest.mark.django_db
def test_no_page_costs_more_queries_for_more_rows(admin_client):
    tenant = make_tenant()
    rows = add_rows(tenant, 100, 2)
    # What is asked once a process would hide as many queries that are asked once a row.
    count_queries(admin_client, rows)
    few = count_queries(admin_client, rows)
    many = count_queries(admin_client, add_rows(tenant, 200, 12))
    grown = {name: (few[name], many[name]) for name in few if many[name] > few[name]}
    assert grown == {}
