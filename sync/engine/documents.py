"""Fetches a purchase's receipts from PEX and makes them the document that travels.

Assembling files is `sync.receipts`; this module decides which to download, and what
a missing or unusable one means for the purchase.
"""

from __future__ import annotations

from dataclasses import dataclass

from connector.cmic.types import Document
from connector.exceptions import (
    AccessDeniedError,
    InvalidRequestError,
    NotFoundError,
)
from connector.pex.reading import UnreadableError
from connector.pex.types import Attachment
from sync.engine.context import RunContext
from sync.engine.runs import lease_time
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

    document: Document | None
    warnings: tuple[str, ...] = ()
    held_back: tuple[Reason, ...] = ()

    @property
    def hold_status(self) -> Status:
        is_skip = all(reason.code in SKIPPING for reason in self.held_back)
        return Status.SKIPPED if is_skip else Status.BLOCKED


def fetch_document(context: RunContext, row: PurchaseSync) -> Fetched:
    """The purchase's document; a “No Attachment” page where it has no receipt.

    Calls PEX only for a purchase that has receipts, or where PEX's list did not tell.
    Raises the client's error for faults that may pass.
    """
    stem = invoice_number(row.pex_transaction_id, row.generation)
    receipts = Receipts(None, ())
    if row.has_attachments is not False:
        try:
            files, left_out = _download(context, row)
        except AccessDeniedError as error:
            denied = Reason(
                ReasonCode.RECEIPT_UNUSABLE,
                f"PEX does not let the connector read the receipts: {error.message}",
                Who.PEX_ADMIN,
            )
            return Fetched(None, held_back=(denied,))
        receipts = assemble(files, file_stem=stem)
        receipts = Receipts(receipts.document, (*left_out, *receipts.warnings))
    chosen = context.settings
    if receipts.document is not None:
        return _within_limit(receipts.document, receipts, chosen.max_file_bytes)
    if chosen.attachments_only:
        return Fetched(None, held_back=_no_receipt(receipts.warnings))
    default = no_attachment(file_stem=stem, facts=_facts(context, row))
    return Fetched(default, receipts.warnings)


def _within_limit(document: Document, receipts: Receipts, limit: int) -> Fetched:
    size = len(document.content)
    if size <= limit:
        return Fetched(document, receipts.warnings)
    reason = _unusable(
        f"The receipts together have {size:,} bytes, and at most {limit:,} can be "
        "sent. Replace them by smaller ones."
    )
    return Fetched(None, held_back=(reason,))


def _no_receipt(warnings: tuple[str, ...]) -> tuple[Reason, ...]:
    """Only usable receipts count; the files that are not are named."""
    if warnings:
        return (NO_ATTACHMENT, _unusable(" ".join(warnings)))
    return (NO_ATTACHMENT,)


def _download(
    context: RunContext, row: PurchaseSync
) -> tuple[list[ReceiptFile], tuple[str, ...]]:
    client = context.pex
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
        except (NotFoundError, InvalidRequestError, UnreadableError) as error:
            warnings.append(f"Receipt {name} was left out: {error}")
        else:
            files.append(ReceiptFile(name, content))
        # Several slow downloads together may take longer than a lease.
        row.renew(lease_time())
    return files, tuple(warnings)


def _state(attachment: Attachment) -> str:
    status = attachment.status or "unknown"
    return _STATES.get(status, f"PEX reports its state as “{status}”.")


def _unusable(message: str) -> Reason:
    return Reason(ReasonCode.RECEIPT_UNUSABLE, message, Who.CARDHOLDER)


def _facts(context: RunContext, row: PurchaseSync) -> list[tuple[str, str]]:
    day = business_day(row.occurred_at).isoformat() if row.occurred_at else ""
    return [
        ("Business", context.tenant.pex.business_name or context.tenant.name),
        ("Cardholder", row.cardholder),
        ("Merchant", row.merchant),
        ("Amount", f"{row.amount:,.2f}"),
        ("Date", day),
        ("PEX transaction", str(row.pex_transaction_id)),
    ]
