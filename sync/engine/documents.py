"""Fetches a purchase's receipts from PEX and makes them the document that travels.

Assembling files is `sync.receipts`; this module decides which to download, and what
a missing or unusable one means for the purchase.
"""

from __future__ import annotations

from dataclasses import dataclass

from connector.clients import pex_client
from connector.cmic.types import Document
from connector.exceptions import (
    AccessDeniedError,
    InvalidRequestError,
    NotFoundError,
    UnexpectedResponseError,
)
from connector.models import Tenant
from connector.pex.types import Attachment
from sync.invoicing import invoice_number
from sync.models import PurchaseSync, Status
from sync.reasons import SKIPPING, Reason, ReasonCode, Who
from sync.receipts import ReceiptFile, Receipts, assemble, no_attachment
from sync.selection import NO_ATTACHMENT
from sync.window import business_day

_STATES = {
    "hasmalware": "PEX found malware in it.",
    "notloaded": "PEX has not loaded it yet.",
    "loadfailed": "PEX could not load it.",
    "deleted": "it was deleted in PEX.",
}


@dataclass(frozen=True)
class Fetched:
    """A document to send, or the reasons why the purchase is held back."""

    document: Document
    warnings: tuple[str, ...] = ()
    held_back: tuple[Reason, ...] = ()

    @property
    def hold_status(self) -> Status:
        is_skip = all(reason.code in SKIPPING for reason in self.held_back)
        return Status.SKIPPED if is_skip else Status.BLOCKED


def fetch_document(tenant: Tenant, row: PurchaseSync) -> Fetched:
    """The purchase's document; a “No Attachment” page where it has no receipt.

    Calls PEX only for a purchase that has receipts, or where PEX's list did not tell.
    Raises the client's error for faults that may pass.
    """
    stem = invoice_number(row.pex_transaction_id, row.generation)
    default = no_attachment(file_stem=stem, facts=_facts(tenant, row))
    if row.has_attachments is False:
        return _checked(tenant, row, Receipts(None, ()), default)
    try:
        files, warnings = _download(tenant, row)
    except AccessDeniedError as error:
        return Fetched(default, held_back=(_unreadable(error.message),))
    receipts = assemble(files, file_stem=stem)
    receipts = Receipts(receipts.document, (*warnings, *receipts.warnings))
    return _checked(tenant, row, receipts, default)


def _checked(
    tenant: Tenant, row: PurchaseSync, receipts: Receipts, default: Document
) -> Fetched:
    """What the settings say to receipts of this kind and size (F19)."""
    chosen = tenant.transactions
    if receipts.document is None:
        if not chosen.attachments_only:
            return Fetched(default, receipts.warnings)
        held_back = [NO_ATTACHMENT]
        if receipts.warnings:
            held_back.append(_unreadable(" ".join(receipts.warnings)))
        return Fetched(default, held_back=tuple(held_back))
    size = len(receipts.document.content)
    if size > chosen.max_file_bytes:
        reason = _unreadable(
            f"The receipts together have {size:,} bytes, and at most "
            f"{chosen.max_file_bytes:,} can be sent. Replace them by smaller ones."
        )
        return Fetched(default, held_back=(reason,))
    return Fetched(receipts.document, receipts.warnings)


def _download(
    tenant: Tenant, row: PurchaseSync
) -> tuple[list[ReceiptFile], tuple[str, ...]]:
    client = pex_client(tenant)
    files: list[ReceiptFile] = []
    warnings: list[str] = []
    attachments = client.list_attachments(row.pex_transaction_id)
    for number, attachment in enumerate(attachments, start=1):
        name = f"{number} of {len(attachments)}"
        if not attachment.is_loaded:
            warnings.append(f"Receipt {name} was left out: {_state(attachment)}")
            continue
        try:
            content = client.download_attachment(
                row.pex_transaction_id, attachment.attachment_id
            )
        except (
            NotFoundError,
            InvalidRequestError,
            UnexpectedResponseError,
        ) as error:
            warnings.append(f"Receipt {name} was left out: {error.message}")
        else:
            files.append(ReceiptFile(name, content))
    return files, tuple(warnings)


def _state(attachment: Attachment) -> str:
    status = attachment.status or "unknown"
    return _STATES.get(status, f"PEX reports its state as “{status}”.")


def _unreadable(message: str) -> Reason:
    return Reason(ReasonCode.RECEIPT_UNUSABLE, message, Who.CARDHOLDER)


def _facts(tenant: Tenant, row: PurchaseSync) -> list[tuple[str, str]]:
    day = business_day(row.occurred_at).isoformat() if row.occurred_at else ""
    return [
        ("Business", tenant.pex.business_name or tenant.name),
        ("Cardholder", row.cardholder),
        ("Merchant", row.merchant),
        ("Amount", f"{row.amount:,.2f}"),
        ("Date", day),
        ("PEX transaction", str(row.pex_transaction_id)),
    ]
