"""From a judged purchase to the invoice that is sent (F17). Pure.

The columns it becomes in CMiC belong to `connector.api.cmic.flysheets`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from connector.api.cmic.texts import fit, plain
from connector.api.cmic.types import Invoice, InvoiceLine
from sync.rules.coding import CodedLine

NUMBER_LIMIT = 20
# Bytes: CMiC's columns may count these and not characters.
DESCRIPTION_LIMIT = 30
# Where CMiC has refused a text for its length, and nobody knows how long it may be.
SHORT_DESCRIPTION_LIMIT = 15
DEFAULT_CURRENCY = "USD"
_PREFIX = "PEX-"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class InvoiceRules:
    """What is the same on every invoice of a tenant."""

    company: str
    vendor: str
    group: str
    valid_flag: str
    currency: str


def invoice_number(transaction_id: int, generation: int = 1) -> str:
    """`PEX-` and the id; sent again on purpose, `-2`, `-3` …; 20 characters at most.

    An id too long for that is written in upper-case base 36.
    """
    suffix = f"-{generation}" if generation > 1 else ""
    number = f"{_PREFIX}{transaction_id}{suffix}"
    if len(number) <= NUMBER_LIMIT:
        return number
    return f"{_PREFIX}{_base36(transaction_id)}{suffix}"


def build_invoice(
    *,
    number: str,
    on: date,
    amount: Decimal,
    merchant: str,
    cardholder: str,
    lines: Sequence[CodedLine],
    rules: InvoiceRules,
    width: int = DESCRIPTION_LIMIT,
) -> Invoice:
    """The invoice, whose description takes `width` bytes at most. Its lines add up to
    `amount` to the cent, or ValueError."""
    total = sum((line.amount for line in lines), Decimal("0.00"))
    if total != amount or not lines:
        raise ValueError(f"The lines of {number} add up to {total}, not to {amount}.")
    return Invoice(
        company=rules.company,
        vendor=rules.vendor,
        group=rules.group,
        number=number,
        on=on,
        currency=rules.currency or DEFAULT_CURRENCY,
        description=describe(merchant, cardholder, width),
        valid_flag=rules.valid_flag,
        amount=amount,
        lines=tuple(
            InvoiceLine(type=line.type, codes=line.codes, amount=line.amount)
            for line in lines
        ),
    )


def describe(merchant: str, cardholder: str, width: int = DESCRIPTION_LIMIT) -> str:
    """Merchant, then cardholder, in CMiC's characters and as far as `width` bytes
    allow."""
    parts = (plain(merchant), plain(cardholder))
    whole = " - ".join(part for part in parts if part)
    return fit(whole, width).rstrip(" -")


def digest(payload: Mapping[str, Any], document_digest: str) -> str:
    """A fingerprint of all that is sent, for telling two tries apart."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{text}\n{document_digest}".encode()).hexdigest()


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"
