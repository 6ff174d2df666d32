"""Sisters: tenants that read the same PEX business, and what of it they have sent.

A purchase goes to CMiC once, whichever tenant sends it. `hold_sent` holds when judging
what a sister has sent or begun to send; `claim_for_tenant` makes sure of it when an
intent is committed. Whether sisters are meant is said by nobody here
(`connector.connections.business`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import connection
from django.db.models import Q

from connector.connections.business import OtherBusinessError
from connector.models import PexConnection, Tenant
from connector.models.business import Business
from sync.models import PurchaseSync, Status
from sync.rules.reasons import Reason, ReasonCode, Who
from sync.rules.selection import Judgement, is_final

# A list of parameters has its limits, and a window may have many purchases.
_CHUNK = 5000
_HOLDING = (Status.POSTING, Status.POSTED, Status.COMPLETED)
_COLUMNS = (
    "pex_transaction_id",
    "tenant_id",
    "status",
    "posting_at",
    "posted_at",
    "invoice_number",
    "generation",
)
_BEGUN = (
    Q(status__in=_HOLDING) | Q(posting_at__isnull=False) | Q(posted_at__isnull=False)
)


class SentByOtherTenantError(Exception):
    """A sister has the purchase; `reason` names her and the invoice."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Sister:
    """`reads` the business, or did so once only."""

    tenant: Tenant
    reads: bool
    is_disconnected: bool

    @property
    def may_send(self) -> bool:
        return self.reads and not self.is_disconnected


def hold_sent(tenant: Tenant, judgements: Sequence[Judgement]) -> list[Judgement]:
    """The judgements, with a reason at each purchase that a sister has.

    Two queries, one for a tenant without sisters.
    """
    pex = tenant.pex_or_none
    sisters = _sisters(pex, pex.business) if pex else {}
    if not sisters:
        return list(judgements)
    numbers = [
        each.purchase.transaction_id
        for each in judgements
        if not is_final(each.reasons)
    ]
    reasons = _reasons(tenant.pk, sisters, numbers)
    return [
        replace(each, reasons=(*each.reasons, reason))
        if (reason := reasons.get(each.purchase.transaction_id))
        else each
        for each in judgements
    ]


def claim_for_tenant(row: PurchaseSync, pex: PexConnection) -> None:
    """Make sure that no sister has the purchase or gets it before the transaction ends.

    To be called in the transaction that commits the intent, before it. `pex` is the
    connection that the work was done with. Raises `SentByOtherTenantError`, and
    `OtherBusinessError` where the tenant reads another business by now.

    Whoever sends a purchase of the business holds PostgreSQL's advisory lock of it
    until the intent is committed, and looks at the sisters' rows under that lock: of
    two at once the second waits, and then sees what the first has committed. A table of
    claims would do the same, and would have to be kept true of what was sent before it
    was made, of *Mark as synced*, of adopted invoices and of purchases sent again; the
    rows themselves tell all of that.
    """
    known = pex.business
    now = PexConnection.objects.without_secrets().get(pk=pex.pk)
    if known is None or now.business is None:
        return
    if not now.reads(known):
        raise OtherBusinessError(now.tenant, now.business, known)
    with connection.cursor() as cursor:
        # Two numbers: locks of one number are those of tag syncs. Equal hashes of two
        # purchases cost no more than a wait.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext(%s), hashtext(%s))",
            [f"{known.place} {known.number}", str(row.pex_transaction_id)],
        )
    # Under the lock: who became one a moment ago is among them.
    sisters = _sisters(now, known)
    reasons = _reasons(row.tenant_id, sisters, [row.pex_transaction_id])
    if reason := reasons.get(row.pex_transaction_id):
        raise SentByOtherTenantError(reason)


def _sisters(pex: PexConnection, business: Business | None) -> dict[int, _Sister]:
    """Those who read the business, or did so once: what they sent stays sent."""
    if business is None:
        return {}
    return {
        row.tenant_id: _Sister(
            row.tenant,
            reads=row.reads(business),
            is_disconnected=row.is_disconnected,
        )
        for row in PexConnection.objects.ever_of_business(business)
        if row.pk != pex.pk
    }


def _reasons(
    tenant_id: int, sisters: dict[int, _Sister], numbers: Sequence[int]
) -> dict[int, Reason]:
    """Why the tenant must not send these purchases, by transaction id."""
    if not sisters:
        return {}
    begun: dict[int, dict[int, PurchaseSync]] = defaultdict(dict)
    for start in range(0, len(numbers), _CHUNK):
        rows = PurchaseSync.objects.filter(
            _BEGUN,
            tenant__in=[tenant_id, *sisters],
            pex_transaction_id__in=numbers[start : start + _CHUNK],
        )
        for each in rows.only(*_COLUMNS):
            begun[each.pex_transaction_id][each.tenant_id] = each
    found = {}
    for number, by_tenant in begun.items():
        mine = by_tenant.pop(tenant_id, None)
        if holder := _holder(mine, by_tenant.values(), sisters):
            found[number] = _reason(sisters[holder.tenant_id], holder)
    return found


def _holder(
    mine: PurchaseSync | None,
    others: Iterable[PurchaseSync],
    sisters: Mapping[int, _Sister],
) -> PurchaseSync | None:
    """The one of the others that has the purchase, if one has.

    Who is sending or has sent it has it. Who only began, and was refused or is to send
    it again, has it as long as she may send at all, unless this tenant began before
    her: or else two who were both refused would wait for each other for ever.
    """
    having = [
        each
        for each in others
        if each.status in _HOLDING
        or (sisters[each.tenant_id].may_send and _is_before(each, mine))
    ]
    having.sort(key=lambda each: each.status not in _HOLDING)
    return having[0] if having else None


def _is_before(hers: PurchaseSync, mine: PurchaseSync | None) -> bool:
    """Whether she began first; of two at one moment the older tenant did."""
    if mine is None:
        return True
    one, two = (each.posting_at or each.posted_at for each in (hers, mine))
    if one is None or two is None:
        return one is None
    return (one, hers.tenant_id) < (two, mine.tenant_id)


def _reason(sister: _Sister, held: PurchaseSync) -> Reason:
    reads = "reads the same PEX business" if sister.reads else "once read this business"
    return Reason(
        ReasonCode.SENT_BY_OTHER_TENANT,
        # Without her name: not everybody who reads this may see her.
        f"Another tenant {reads} and {_done(held)}. It is not sent a second time.",
        Who.SUPPORT,
        value=str(sister.tenant.pk),
    )


def _done(held: PurchaseSync) -> str:
    number = held.invoice_number or held.computed_number
    if held.status == Status.POSTING:
        return f"is sending it as invoice {number}"
    if held.status == Status.FAILED:
        return f"has sent it as invoice {number}, which CMiC refused"
    if held.status not in _HOLDING:
        return f"has begun to send it as invoice {number}"
    if held.posting_at is None:
        # Adopted, or marked by a person.
        return f"counts it as synced, as invoice {number}"
    return f"has sent it as invoice {number}"
