"""The invoice that a judged purchase becomes: kept, shown or sent, it is built here."""

from __future__ import annotations

from typing import Any

from connector.api.cmic.flysheets import payload
from sync.engine.judging.context import TenantContext
from sync.models import PreviewedPurchase, PurchaseSync
from sync.rules.coding import CodedLine
from sync.rules.invoicing import DESCRIPTION_LIMIT, build_invoice


def content_of(
    context: TenantContext,
    row: PurchaseSync | PreviewedPurchase,
    number: str,
    width: int = DESCRIPTION_LIMIT,
) -> dict[str, Any]:
    """All that is uploaded of it but the document, with a description of `width` bytes.

    Raises `ValueError` with a sentence where amount, date or lines are wanting.
    """
    if row.amount is None or row.invoice_on is None:
        raise ValueError("PEX told no amount or no date that could be read.")
    invoice = build_invoice(
        number=number,
        on=row.invoice_on,
        amount=row.amount,
        merchant=row.merchant,
        cardholder=row.cardholder,
        lines=[CodedLine.from_json(line) for line in row.lines],
        rules=context.invoice_rules,
        width=width,
    )
    return payload(invoice, context.layout, context.location)
