"""What unsaved settings and mappings would do to the purchases that are not in CMiC yet
(F23): judged by the rules of a run, from what PEX said of them last. Calls nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from connector.api.pex.types import Purchase
from connector.models import Tenant
from sync.engine.judging.catalog import judge_all
from sync.engine.judging.rules import invoice_rules, selection_rules
from sync.engine.run.requesting import window_for
from sync.models import PurchaseSync, SyncRun
from sync.models.states import JUDGEABLE, Status
from sync.rules.facts import from_json
from sync.rules.selection import Judgement
from sync.rules.window import Window, business_day

# The newest; a page is not the place to wait for more.
MOST = 5000
OUTSIDE = "outside"


class Kind(StrEnum):
    """What becomes of a purchase, in the order in which people should look."""

    BLOCKED = "blocked"
    LEFT_OUT = "left_out"
    UNBLOCKED = "unblocked"
    TAKEN_IN = "taken_in"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Prospect:
    """What one set of rules makes of a purchase: a status, or outside of its days."""

    status: str
    judgement: Judgement

    @property
    def is_sent(self) -> bool:
        return self.status == Status.PENDING


@dataclass(frozen=True, slots=True)
class AffectedPurchase:
    """One purchase that would fare otherwise."""

    row: PurchaseSync
    kind: Kind
    before: Prospect
    after: Prospect


@dataclass(frozen=True, slots=True)
class Effect:
    """`judged` is how many were looked at; `unknown` how many could not be, because
    no run has seen them since facts are kept; `is_cut` if there are more."""

    affected: Sequence[AffectedPurchase] = ()
    judged: int = 0
    unknown: int = 0
    is_cut: bool = False

    def count(self, kind: Kind) -> int:
        return sum(each.kind is kind for each in self.affected)


def effect_of(saved: Tenant, draft: Tenant, now: datetime) -> Effect:
    """Compare the rules as saved with those of `draft`, which has settings and all six
    mappings, but they need not be in the database. Both have them read already."""
    waiting = PurchaseSync.objects.filter(
        tenant_id=saved.pk, status__in=JUDGEABLE
    ).order_by("-occurred_at", "-pk")
    rows = list(waiting.filter(facts__isnull=False)[: MOST + 1])
    shown = rows[:MOST]
    before, after = _prospects(saved, shown, now), _prospects(draft, shown, now)
    is_header_other = invoice_rules(saved) != invoice_rules(draft)
    affected = [
        AffectedPurchase(row, kind, *pair)
        for row, *pair in zip(shown, before, after, strict=True)
        if (kind := _kind(*pair, is_header_other=is_header_other)) is not None
    ]
    order = list(Kind)
    affected.sort(key=lambda each: order.index(each.kind))
    unknown = waiting.filter(facts__isnull=True).count()
    return Effect(tuple(affected), len(shown), unknown, len(rows) > MOST)


def _prospects(
    tenant: Tenant, rows: Iterable[PurchaseSync], now: datetime
) -> list[Prospect]:
    """What the tenant's rules make of each row, as an Execute now would."""
    tags = tenant.pex.remembered_tags() if tenant.pex_or_none else []
    rules = selection_rules(tenant, tags or None)
    window = window_for(tenant, SyncRun.Trigger.MANUAL, now)
    judgements = judge_all(tenant, map(_purchase, rows), rules)
    return [
        Prospect(each.status if _is_in(window, each) else OUTSIDE, each)
        for each in judgements
    ]


def _purchase(row: PurchaseSync) -> Purchase:
    purchase = from_json(row.pex_transaction_id, row.facts or {})
    if purchase.has_attachments is None:
        # It was not asked the last time, and the row remembers the time before.
        purchase = replace(purchase, has_attachments=row.has_attachments)
    return purchase


def _is_in(window: Window, judgement: Judgement) -> bool:
    moment = judgement.purchase.occurred_at
    return moment is None or window.first <= business_day(moment) <= window.last


def _kind(before: Prospect, after: Prospect, *, is_header_other: bool) -> Kind | None:
    if before.is_sent and after.is_sent:
        is_other = is_header_other or _invoice(before) != _invoice(after)
        return Kind.CHANGED if is_other else None
    if before.status == after.status:
        return None
    if after.is_sent:
        return Kind.UNBLOCKED if before.status == Status.BLOCKED else Kind.TAKEN_IN
    if after.status == Status.BLOCKED:
        return Kind.BLOCKED
    return Kind.LEFT_OUT if before.is_sent or before.status == Status.BLOCKED else None


def _invoice(prospect: Prospect) -> tuple[object, ...]:
    """What of the invoice hangs on the rules, beside its header."""
    judgement = prospect.judgement
    return (judgement.invoice_on, [line.codes for line in judgement.lines])
