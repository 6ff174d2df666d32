"""Fetches a purchase's receipts from PEX and makes them the document that travels.

Reading files is `sync.receipts`, run by `sync.workshop.pool`; this module decides which
to download, and what a missing or unusable one means for the purchase.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from connector import clock
from connector.api.cmic.types import Document
from connector.api.exceptions import (
    AccessDeniedError,
    InvalidRequestError,
    NotFoundError,
)
from connector.api.pex.client import PexClient
from connector.api.pex.reading import UnreadableError, read_or_none, read_utc
from connector.api.pex.types import Attachment
from connector.models import Tenant, TransactionSettings
from sync.engine.judging.access import require_access
from sync.engine.judging.context import TenantContext
from sync.models import PurchaseSync, Status
from sync.receipts import (
    MOST_BYTES,
    MOST_FILE_BYTES,
    MOST_FILES,
    Origin,
    ReceiptFile,
    Receipts,
    left_out,
)
from sync.receipts.default_page import no_attachment
from sync.rules.reasons import SKIPPING, Reason, ReasonCode, Who
from sync.rules.selection import NO_ATTACHMENT
from sync.rules.window import business_day
from sync.workshop import pool
from sync.workshop.pool import WorkshopError

# PEX takes its time to look through what is added; what is not there after a day comes
# no more. Within minutes of adding it a run waits, later the next one looks again.
_LOADED_WITHIN = timedelta(hours=24)
_LOADED_SOON = timedelta(minutes=15)
_LOADS_ASKED_EVERY = timedelta(minutes=2)
_CLOCKS_DIFFER = timedelta(hours=1)
_NOT_LOADED, _DELETED = "notloaded", "deleted"
_STATES = {
    "hasmalware": "PEX found malware in it.",
    _NOT_LOADED: "PEX has not loaded it yet.",
    "loadfailed": "PEX could not load it.",
    _DELETED: "it was deleted in PEX.",
}


class Loads(Enum):
    """When a receipt that PEX has not loaded yet may be there."""

    SOON = auto()
    LATER = auto()


@dataclass(frozen=True)
class Fetched:
    """A document to send, or the reasons why the purchase is held back.

    `lacks_receipt` where the document stands in for receipts that cannot be used.
    `loads` is set where a receipt that PEX has not loaded yet is worth waiting for:
    whether it may be there within minutes.
    """

    document: Document | None
    warnings: tuple[str, ...] = ()
    held_back: tuple[Reason, ...] = ()
    pages: tuple[Origin, ...] = ()
    loads: Loads | None = None
    lacks_receipt: bool = False

    def hold_back(self, row: PurchaseSync) -> None:
        """The purchase is not sent without a receipt, or not yet: later in this run, or
        in the next one, if PEX is still to load it."""
        if self.loads is Loads.SOON:
            row.release(clock.now() + _LOADS_ASKED_EVERY, self.held_back[0])
        elif self.loads is Loads.LATER:
            row.defer(self.held_back[0])
        else:
            is_skip = all(reason.code in SKIPPING for reason in self.held_back)
            status = Status.SKIPPED if is_skip else Status.BLOCKED
            row.hold_back(status, self.held_back, self.warnings)


def fetch_document(
    context: TenantContext,
    row: PurchaseSync,
    heartbeat: Callable[[], None] = lambda: None,
) -> Fetched:
    """The purchase's document; a “No Attachment” page where it has no receipt.

    One that is to be sent waits for what PEX loads, for a day after it was added.

    Calls PEX only for a purchase that has receipts, or where PEX's list did not tell;
    `heartbeat` is called after whatever may take long. Raises the client's error for
    faults that may pass, and `CredentialsRefusedError` where PEX refuses everything.
    """
    stem = row.computed_number
    client, tenant = context.pex, context.tenant
    chosen = tenant.transactions
    receipts, has_some = Receipts(None), False
    if row.has_attachments is not False:
        try:
            attachments = client.list_attachments(row.pex_transaction_id)
            if loading := _loading(row, attachments, clock.now()):
                return loading
            has_some = any(each.status != _DELETED for each in attachments)
            files, unusable = _download(client, row, attachments, heartbeat)
        except AccessDeniedError as error:
            require_access(context, error)
            denied = Reason(
                ReasonCode.RECEIPT_UNUSABLE,
                f"PEX does not let the connector read the receipts: {error.message}",
                Who.PEX_ADMIN,
            )
            return Fetched(None, held_back=(denied,))
        try:
            receipts = _assembled(
                files, unusable, stem, chosen.max_file_bytes, heartbeat
            )
        except WorkshopError:
            return Fetched(None, unusable, held_back=(_NOT_TO_BE_READ,))
        heartbeat()
    if receipts.document is not None:
        return Fetched(receipts.document, receipts.warnings, pages=receipts.pages)
    if receipts.excess:
        too_large = (_unusable(receipts.excess),)
        return Fetched(None, receipts.warnings, held_back=too_large)
    if chosen.attachments_only:
        held_back = _no_receipt(receipts.warnings)
        return Fetched(None, receipts.warnings, held_back=held_back)
    if (
        has_some
        and chosen.unusable_receipts == TransactionSettings.UnusableReceipts.HOLD
    ):
        unusable_ones = (_unusable(" ".join(receipts.warnings)),)
        return Fetched(None, receipts.warnings, held_back=unusable_ones)
    details = _details(tenant, row)
    default = no_attachment(stem=stem, details=details)
    return Fetched(default, receipts.warnings, lacks_receipt=has_some)


def _assembled(
    files: list[ReceiptFile],
    unusable: tuple[str, ...],
    stem: str,
    limit: int,
    heartbeat: Callable[[], None],
) -> Receipts:
    if not files:
        return Receipts(None, unusable)
    made = pool.assemble(files, stem=stem, limit=limit, heartbeat=heartbeat)
    return Receipts(
        made.document, (*unusable, *made.warnings), made.pages, excess=made.excess
    )


def _no_receipt(warnings: tuple[str, ...]) -> tuple[Reason, ...]:
    """Only usable receipts count; the files that are not are named."""
    if warnings:
        return (NO_ATTACHMENT, _unusable(" ".join(warnings)))
    return (NO_ATTACHMENT,)


def _loading(
    row: PurchaseSync, attachments: Sequence[Attachment], now: datetime
) -> Fetched | None:
    """What to wait for, if the purchase is to be sent and PEX has yet to load some."""
    if row.status != Status.PENDING:
        return None
    added = {
        f"{number} of {len(attachments)}": moment
        for number, attachment in enumerate(attachments, start=1)
        if attachment.status == _NOT_LOADED
        and (moment := _added_at(attachment, row, now))
        and now - moment < _LOADED_WITHIN
    }
    if not added:
        return None
    newest = max(added.values())
    until = newest + _LOADED_WITHIN
    reason = _unusable(
        f"PEX has not loaded receipt {', '.join(added)} yet. The purchase waits for it "
        f"and is tried again by itself; what is not loaded by {until:%Y-%m-%d %H:%M} "
        "UTC is left out."
    )
    is_soon = now - newest < _LOADED_SOON
    loads = Loads.SOON if is_soon else Loads.LATER
    return Fetched(None, held_back=(reason,), loads=loads)


def _added_at(
    attachment: Attachment, row: PurchaseSync, now: datetime
) -> datetime | None:
    """When a receipt was added; where PEX does not say, it may be as old as the
    settlement. A moment that is still to come would be waited for without end."""
    moment = read_or_none(read_utc, attachment.created_at)
    if moment is not None and moment < now + _CLOCKS_DIFFER:
        return moment
    return row.settled_at


def _download(
    client: PexClient,
    row: PurchaseSync,
    attachments: Sequence[Attachment],
    heartbeat: Callable[[], None],
) -> tuple[list[ReceiptFile], tuple[str, ...]]:
    files: list[ReceiptFile] = []
    warnings: list[str] = []
    for number, attachment in enumerate(attachments, start=1):
        name = f"{number} of {len(attachments)}"
        if why := _not_wanted(attachment, files):
            warnings.append(left_out(name, why))
            continue
        try:
            content = client.download_attachment(
                row.pex_transaction_id, attachment.attachment_id
            )
        except (NotFoundError, InvalidRequestError, UnreadableError) as error:
            warnings.append(left_out(name, str(error)))
        else:
            files.append(
                ReceiptFile(name, content, attachment.label, attachment.created_at)
            )
        # Several slow downloads together may take longer than a lease.
        heartbeat()
    return files, tuple(warnings)


def _not_wanted(attachment: Attachment, files: list[ReceiptFile]) -> str:
    """Why a file is not even downloaded, or nothing."""
    if not attachment.is_loaded:
        status = attachment.status or "unknown"
        return _STATES.get(status, f"PEX reports its state as “{status}”.")
    if attachment.size is not None and attachment.size > MOST_FILE_BYTES:
        return f"PEX says that it has {attachment.size:,} bytes."
    if len(files) >= MOST_FILES:
        return f"a purchase has at most {MOST_FILES} receipts."
    if sum(len(file.content) for file in files) > MOST_BYTES:
        return "the receipts before it are too large together."
    return ""


def _unusable(message: str) -> Reason:
    return Reason(ReasonCode.RECEIPT_UNUSABLE, message, Who.CARDHOLDER)


_NOT_TO_BE_READ = _unusable(
    "Reading the receipts together took more time or memory than a purchase may. "
    "Replace them by plain pictures or PDFs."
)


def _details(tenant: Tenant, row: PurchaseSync) -> list[tuple[str, str]]:
    day = business_day(row.occurred_at).isoformat() if row.occurred_at else ""
    return [
        ("Business", tenant.pex.business_name or tenant.name),
        ("Cardholder", row.cardholder),
        ("Merchant", row.merchant),
        ("Amount", f"{row.amount:,.2f}"),
        ("Date", day),
        ("PEX transaction", str(row.pex_transaction_id)),
    ]
