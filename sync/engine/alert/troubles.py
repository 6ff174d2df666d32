"""What is wrong with a tenant just now, one trouble each. Reads rows only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils.text import capfirst

from connector.connections.token_life import token_warning
from connector.models import Tenant
from sync.models import SyncRun
from sync.models.purchase.indexes import OPEN_SQL
from sync.money import Currencies, money
from sync.rules.reasons import code_title

# One key a newest purchase: whatever went since the last mail is new, and nothing is
# solved by growing old.
RECEIPTS = "receipts:"
_TOLD_FOR = timedelta(days=60)
_WITHOUT_RECEIPTS = """
SELECT count(*), sum(amount), max(posting_at),
    (array_agg(invoice_number || ': ' || coalesce(warnings->>0, '')
        ORDER BY posting_at DESC))[1]
FROM sync_purchasesync
WHERE tenant_id = %s AND lacks_receipt AND posting_at > %s
    AND status IN ('posted', 'completed')
"""
_PURCHASES = f"""
SELECT reason->>'code', count(*), sum(amount), min(reason->>'message')
FROM sync_purchasesync, jsonb_array_elements(reasons) reason
WHERE tenant_id = %s AND {OPEN_SQL} AND status <> 'posting'
GROUP BY 1 ORDER BY 2 DESC, 1
"""  # noqa: S608 - OPEN_SQL is ours


@dataclass(frozen=True, slots=True)
class Trouble:
    """`key` recognizes it in the next mail; `count` and `amount` are of purchases."""

    key: str
    title: str
    detail: str = ""
    count: int = 0
    amount: str = ""


def troubles_of(tenant: Tenant, now: datetime) -> list[Trouble]:
    """All of them, what stops everything first."""
    return [
        *token_troubles(tenant, now),
        *_run_troubles(tenant),
        *_purchases(tenant),
        *_without_receipts(tenant, now),
    ]


def token_troubles(tenant: Tenant, now: datetime) -> list[Trouble]:
    pex = tenant.pex_or_none
    warning = token_warning(pex, now) if pex is not None else None
    if warning is None:
        return []
    title = "The PEX token is dead" if not warning.stage else "The PEX token is ending"
    return [Trouble(f"token:{warning.stage}", title, warning.sentence)]


def credentials_refused(message: str) -> Trouble:
    return Trouble("credentials", "Credentials were refused", message)


def _run_troubles(tenant: Tenant) -> list[Trouble]:
    ended = SyncRun.objects.filter(tenant=tenant).exclude(status__in=SyncRun.ACTIVE)
    run = ended.order_by("-created_at", "-pk").first()
    if run is None or run.status != SyncRun.State.FAILED:
        return []
    if run.reason == SyncRun.Reason.CREDENTIALS_REFUSED:
        return [credentials_refused(run.message)]
    return [Trouble(f"run:{run.reason}", "The last run failed", run.message)]


def _without_receipts(tenant: Tenant, now: datetime) -> list[Trouble]:
    """What went with “No Attachment” of late, although PEX had receipts."""
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT_RECEIPTS, [tenant.pk, now - _TOLD_FOR])
        [(count, total, newest, example)] = cursor.fetchall()
    if not count:
        return []
    return [
        Trouble(
            f"{RECEIPTS}{newest.isoformat()}",
            "Sent without a receipt, because none in PEX could be used",
            f"For example: {example} Have the cardholder add one that opens; in CMiC "
            "attach it by hand, or have the settings hold such purchases.",
            count,
            money(total, Currencies().of_tenant(tenant.pk)),
        )
    ]


def _purchases(tenant: Tenant) -> list[Trouble]:
    with connection.cursor() as cursor:
        cursor.execute(_PURCHASES, [tenant.pk])
        found = cursor.fetchall()
        cursor.execute(
            "SELECT count(*), sum(amount) FROM sync_purchasesync "
            "WHERE tenant_id = %s AND status = 'posting' AND needs_person",
            [tenant.pk],
        )
        [(lost, amount)] = cursor.fetchall()
    currency = Currencies().of_tenant(tenant.pk)
    troubles = [
        Trouble(
            f"purchases:{code}",
            capfirst(code_title(code)),
            f"For example: {message}" if message else "",
            count,
            money(total, currency),
        )
        for code, count, total, message in found
    ]
    if lost:
        troubles.append(
            Trouble(
                "purchases:lost_answer",
                "A person must say whether CMiC has it",
                "CMiC's answer was lost. Decide on the purchase's page.",
                lost,
                money(amount, currency),
            )
        )
    return troubles
