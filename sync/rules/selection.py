"""Which purchases go to CMiC, and all the reasons of those that do not (F16).

Pure: rows of PEX's list and the tenant's rules in, judgements out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from connector.api.pex.types import Purchase, Tag
from sync.rules.coding import (
    Catalog,
    CodedLine,
    CodingRules,
    Place,
    check_line,
    distinct,
    places_of,
    spellings,
    spelt,
)
from sync.rules.reasons import SKIPPING, Reason, ReasonCode, Verdict, Who
from sync.rules.splits import coded_lines
from sync.rules.window import business_day

# Categories that are never purchases, whatever type PEX gives the row (§2.4).
_NEVER_PURCHASES = frozenset(
    {"cardaccountfee", "businessaccountfee", "businessfunding", "businessrebate"}
)

# After one of these the codes do not matter: the purchase is not going to be sent.
FINAL = frozenset(
    {
        ReasonCode.DECLINED,
        ReasonCode.NOT_A_PURCHASE,
        ReasonCode.REFUND_LEFT_OUT,
        ReasonCode.ALREADY_SYNCED,
        ReasonCode.ZERO_AMOUNT,
    }
)


@dataclass(frozen=True)
class SelectionRules:
    """What the tenant's settings select (F5) and how its lines are coded. `tags` are
    PEX's definitions by id, empty where PEX did not tell them."""

    approved_only: bool
    attachments_only: bool
    refunds: str
    invoice_date: str
    coding: CodingRules
    tags: Mapping[str, Tag] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """What becomes of one purchase. `amount` has our sign: a refund is negative."""

    purchase: Purchase
    amount: Decimal | None
    is_refund: bool
    invoice_on: date | None
    lines: tuple[CodedLine, ...]
    reasons: tuple[Reason, ...]

    @property
    def status(self) -> Verdict:
        if not self.reasons:
            return Verdict.PENDING
        if any(reason.code in SKIPPING for reason in self.reasons):
            return Verdict.SKIPPED
        return Verdict.BLOCKED

    @property
    def is_purchase(self) -> bool:
        return all(
            reason.code is not ReasonCode.NOT_A_PURCHASE for reason in self.reasons
        )


def judge(purchase: Purchase, rules: SelectionRules) -> Judgement:
    """Everything that can be said without CMiC's reference data."""
    is_refund = _is_refund(purchase)
    amount = -purchase.amount if purchase.amount is not None else None
    reasons = _selection_reasons(purchase, rules, is_refund=is_refund)
    lines: tuple[CodedLine, ...] = ()
    if not any(reason.code is ReasonCode.NOT_A_PURCHASE for reason in reasons):
        lines, problems = coded_lines(purchase, amount, rules.coding, rules.tags)
        if not is_final(reasons):
            reasons += problems
    moment = (
        purchase.settled_at
        if rules.invoice_date == "settlement"
        else purchase.occurred_at
    )
    return Judgement(
        purchase=purchase,
        amount=amount,
        is_refund=is_refund,
        invoice_on=business_day(moment) if moment else None,
        lines=lines,
        reasons=distinct(reasons),
    )


def may_be_sent(purchase: Purchase, rules: SelectionRules) -> bool:
    """Whether only its codes and receipts are left to look at."""
    return not _selection_reasons(purchase, rules, is_refund=_is_refund(purchase))


def asks_for_receipt(purchase: Purchase, rules: SelectionRules) -> bool:
    """Whether it matters if the purchase has a receipt."""
    if not rules.attachments_only:
        return may_be_sent(purchase, rules)
    is_refund = _is_refund(purchase)
    return not is_final(_selection_reasons(purchase, rules, is_refund=is_refund))


def check_codes(
    judgement: Judgement, rules: CodingRules, catalog: Catalog
) -> Judgement:
    """The judgement with what CMiC's reference data adds to it."""
    if is_final(judgement.reasons):
        return judgement
    number = judgement.purchase.transaction_id
    lines = tuple(spelt(line, rules, catalog, number) for line in judgement.lines)
    problems = [reason for line in lines for reason in check_line(line, rules, catalog)]
    reasons = distinct((*judgement.reasons, *problems))
    return replace(judgement, lines=lines, reasons=reasons)


def places_to_check(judgements: Iterable[Judgement], rules: CodingRules) -> set[Place]:
    """The places in CMiC's reference data that the judgements' lines ask for."""
    return {
        place
        for judgement in judgements
        if not is_final(judgement.reasons)
        for line in judgement.lines
        for spelling in spellings(line, rules, judgement.purchase.transaction_id)
        for place in places_of(spelling, rules)
        if place[3]
    }


def is_final(reasons: Iterable[Reason]) -> bool:
    """Whether nothing else matters any more: it is not going to be sent."""
    return any(reason.code in FINAL for reason in reasons)


def _is_refund(purchase: Purchase) -> bool:
    """Money that came back over the network, and disputes (P7)."""
    if purchase.category == "dispute":
        return True
    amount = purchase.amount
    return purchase.type == "network" and amount is not None and amount > 0


def _is_purchase(purchase: Purchase) -> bool:
    if purchase.category in _NEVER_PURCHASES or "billpay" in purchase.category:
        return False
    if "TransactionType" in purchase.unreadable:
        # It may be one: a person is told, instead of nobody.
        return True
    return purchase.type == "network" or purchase.category == "dispute"


def _selection_reasons(
    purchase: Purchase, rules: SelectionRules, *, is_refund: bool
) -> list[Reason]:
    if not _is_purchase(purchase):
        kind = purchase.category or purchase.type or "of no kind"
        return [
            Reason(
                ReasonCode.NOT_A_PURCHASE,
                f"Not a card purchase but “{kind}”; these are never sent.",
                Who.SUPPORT,
            )
        ]
    reasons = [_settlement_reason(purchase)]
    if purchase.unreadable:
        reasons.append(_unreadable(purchase.unreadable))
    if is_refund:
        reasons.append(_refund_reason(rules.refunds))
    if purchase.amount == 0:
        reasons.append(_ZERO)
    if purchase.is_marked:
        reasons.append(MARKED)
    if rules.approved_only and purchase.approval != "approved":
        reasons.append(_not_approved(purchase.approval))
    if rules.attachments_only and purchase.has_attachments is False:
        reasons.append(NO_ATTACHMENT)
    return [reason for reason in reasons if reason is not None]


def _settlement_reason(purchase: Purchase) -> Reason | None:
    if purchase.is_declined:
        return _DECLINED
    is_unsettled = (
        purchase.settled_at is None and "SettlementTime" not in purchase.unreadable
    )
    return _PENDING if purchase.is_pending or is_unsettled else None


def _refund_reason(setting: str) -> Reason | None:
    return {"hold": _REFUND_HELD, "leave_out": _REFUND_LEFT_OUT}.get(setting)


def _unreadable(names: Iterable[str]) -> Reason:
    return Reason(
        ReasonCode.VALUE_UNKNOWN,
        f"PEX reports {', '.join(dict.fromkeys(names))} in a form that cannot be read. "
        "Correct the purchase in PEX, or ask PEX support.",
        Who.PEX_ADMIN,
    )


def _not_approved(approval: str) -> Reason:
    state = {"rejected": "was rejected", "noreceipt": "waits for a receipt"}.get(
        approval, "is not approved"
    )
    return Reason(
        ReasonCode.NOT_APPROVED,
        f"The purchase {state} in PEX, and only approved ones are synced.",
        Who.APPROVER,
    )


NO_ATTACHMENT = Reason(
    ReasonCode.NO_ATTACHMENT,
    "The purchase has no receipt, and only purchases with one are synced.",
    Who.CARDHOLDER,
)
_PENDING = Reason(
    ReasonCode.PENDING,
    "The purchase has not settled yet; it is synced once it has.",
    Who.PEX_ADMIN,
)
_DECLINED = Reason(
    ReasonCode.DECLINED, "The purchase was declined; no money moved.", Who.CARDHOLDER
)
_REFUND_HELD = Reason(
    ReasonCode.REFUND_HELD,
    "A refund or credit: the tenant's settings hold these for a person.",
    Who.SUPPORT,
)
_REFUND_LEFT_OUT = Reason(
    ReasonCode.REFUND_LEFT_OUT,
    "A refund or credit: the tenant's settings leave these out.",
    Who.SUPPORT,
)
_ZERO = Reason(
    ReasonCode.ZERO_AMOUNT, "The amount is zero; there is nothing to book.", Who.SUPPORT
)
MARKED = Reason(
    ReasonCode.ALREADY_SYNCED,
    "A note of the purchase says “Synced with CMiC”. Remove the note to send it again.",
    Who.PEX_ADMIN,
)
