"""Rows as a run would have left them, and a page's text, for tests of the admin."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import Permission, User
from django.utils import timezone

from connector.api.cmic.types import CodeKind
from connector.models import CmicCode, TagMeaning
from sync.models import (
    Alert,
    Preview,
    PreviewedPurchase,
    PurchaseSync,
    SyncRun,
    TagSync,
)
from tests.simulators.cmic import CmicSimulator

LOOKING = (
    "connector.view_tenant",
    "sync.view_syncrun",
    "sync.view_purchasesync",
)


def add_person(*names):
    """Somebody of the staff with these permissions, as `app.codename`."""
    person = User.objects.create_user("sam", password="x", is_staff=True)
    for name in names:
        app, codename = name.split(".")
        person.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return person


def text_of(client, url, **query):
    response = client.get(url, query)
    assert response.status_code == 200
    return response.content.decode()


def body_of(answer):
    """The text of an answer, also of one that comes in pieces."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode(errors="replace")


def add_run(tenant, status="succeeded", **values):
    now = timezone.now()
    values = {
        "trigger": "manual",
        "window_from": now.date() - timedelta(days=60),
        "window_to": now.date(),
        "started_at": now,
        "ended_at": None if status in SyncRun.ACTIVE else now,
        "status": status,
        "counts": {"seen": 2, "completed": 1, "blocked": 1},
        **values,
    }
    return SyncRun.objects.create(tenant=tenant, **values)


def add_purchase(run, number, *, status="completed", **values):
    values = {
        "amount": Decimal("118.40"),
        "merchant": "Ferguson Supply",
        "cardholder": "Ana Ruiz",
        "occurred_at": datetime(2026, 3, 2, 15, 0, tzinfo=UTC),
        **values,
    }
    return PurchaseSync.objects.create(
        tenant=run.tenant, run=run, pex_transaction_id=number, status=status, **values
    )


def add_names(tenant, currency="USD"):
    """What CMiC calls the tenant's company and the place of its invoices."""
    chosen = tenant.transactions
    for kind, code, name in (
        (CodeKind.SOURCE, chosen.source_uuid, "AP Invoices"),
        (CodeKind.DOCUMENT_TYPE, chosen.document_type_uuid, "Card receipts"),
        (CodeKind.COMPANY, chosen.company_code, "Acme"),
    ):
        CmicCode.objects.create(
            tenant=tenant,
            kind=kind,
            code=code,
            name=name,
            currency=currency,
            seen_at=timezone.now(),
        )


def add_meaning(tenant, value="17401", **values):
    """Somebody said that the tag's value means the job 017401."""
    values = {
        "company": tenant.transactions.company_code,
        "kind": CodeKind.JOB,
        "code": "017401",
        "chosen_by": "sam",
        **values,
    }
    return TagMeaning.objects.create(tenant=tenant, value=value, **values)


def add_tag_sync(run, **values):
    """One of a tag's options that the run has made."""
    now = timezone.now()
    values = {
        "field": "job_dept_eqp",
        "kind": "job",
        "tag": "Job",
        "state": "succeeded",
        "started_at": now,
        "ended_at": now,
        **values,
    }
    return TagSync.objects.create(tenant=run.tenant, run=run, **values)


def add_alert(tenant, **values):
    now = timezone.now()
    values = {
        "kind": "daily",
        "occasion": "2026-03-02",
        "recipients": ["ana@example.com"],
        "subject": "Acme: 1 new",
        "created_at": now,
        "not_before": now,
        **values,
    }
    return Alert.objects.create(tenant=tenant, **values)


def add_preview(tenant, state="done", purchases=(), **values):
    now = timezone.now()
    values = {
        "window_from": now.date() - timedelta(days=60),
        "window_to": now.date(),
        "ended_at": None if state in Preview.ACTIVE else now,
        **values,
    }
    preview = Preview.objects.create(tenant=tenant, state=state, **values)
    for number, each in enumerate(purchases, start=1):
        values = {"status": "pending", "amount": Decimal("118.40"), **each}
        PreviewedPurchase.objects.create(
            preview=preview, **{"pex_transaction_id": number, **values}
        )
    return preview


REFUND = {
    "code": "refund_held",
    "message": "A refund <b>held</b> for a person.",
    "who": "support",
}
UNKNOWN_JOB = {
    "code": "value_unknown",
    "message": "CMiC has no job “999”.",
    "who": "cardholder",
}


def remove_for_good(
    cmic: CmicSimulator, kind: str, codes: Iterable[str], company: str = "001"
) -> None:
    """CMiC has them no more, and a reading two hours ago lacked them already; where
    they are most of the list, a person has said since that it is complete."""
    codes = list(codes)
    for code in codes:
        cmic.remove_code(kind, code, company=company)
    known = CmicCode.objects.filter(kind=kind, company=company, is_active=True)
    gone = known.filter(code__in=codes)
    is_most = gone.count() * 2 > known.count()
    gone.update(missing_since=timezone.now() - timedelta(hours=2))
    if is_most:
        gone.update(is_active=False)
