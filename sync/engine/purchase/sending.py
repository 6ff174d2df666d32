"""One purchase on its way: receipts, invoice, upload, marker.

Every step is committed before the next begins, so that a process that dies between
any two lines leaves a row that tells what may have happened. What an answer, or a
missing one, means for the purchase is decided in `sync.engine.purchase.settling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from connector import clock
from connector.api.cmic.client import CmicClient
from connector.api.cmic.types import Document, UploadAnswer
from connector.api.exceptions import ConnectorError
from sync.engine.judging.context import RunContext
from sync.engine.judging.markers import is_marked
from sync.engine.judging.sisters import SentByOtherTenantError, claim_for_tenant
from sync.engine.purchase.documents import Fetched, fetch_document
from sync.engine.purchase.invoices import content_of
from sync.engine.purchase.lengths import width_for
from sync.engine.purchase.marking import mark
from sync.engine.purchase.settling import (
    apply_error,
    look_up,
    put_on_record,
    was_sent_before,
)
from sync.models import PurchaseSync, Status, SyncAttempt
from sync.models.purchase import judged_since
from sync.receipts import fingerprint
from sync.rules.invoicing import digest
from sync.rules.selection import MARKED


@dataclass(frozen=True)
class _Parcel:
    """What is about to be sent, and the attempt on record for it."""

    payload: dict[str, Any]
    document: Document
    attempt: SyncAttempt


def advance(context: RunContext, row: PurchaseSync) -> None:
    """Bring a claimed purchase as far as it will go now.

    Raises `LeaseLostError`, and the errors of `connector.api.exceptions` for what the
    caller must wait out; the row is then in a true state, claimed or free.
    """
    is_made = False
    if row.status == Status.POSTING:
        look_up(context, row)
    elif row.status == Status.PENDING:
        is_made = _send(context, row)
    if row.status == Status.POSTED:
        mark(context, row, is_made=is_made)


def _send(context: RunContext, row: PurchaseSync) -> bool:
    """Whether CMiC has taken it just now."""
    # Once more when sending begins: receipts may take long.
    row.require_judged(context.basis, judged_since())
    was_marked = row.generation > 1 or row.marker_seen_at is not None
    if was_marked and is_marked(context, row):
        # The list that lacked the marker was not to be believed.
        if row.generation > 1:
            row.keep_completed()
        else:
            row.hold_back(Status.SKIPPED, [MARKED])
        return False
    if was_sent_before(context, row):
        return False
    client = context.cmic
    # A lane that had to give its place back later would fetch the receipts again, at
    # the cost of PEX's calls.
    client.wait_for_place()
    fetched = fetch_document(context, row, context.show_life)
    if fetched.document is None:
        fetched.hold_back(row)
        return False
    content = content_of(context, row, row.computed_number, width_for(row))
    # The permit first: who waits for one while an outage begins must not send then.
    with client.permitted():
        context.stay_alive()
        try:
            parcel = _begin(context, row, content, fetched.document, fetched)
        except SentByOtherTenantError as error:
            row.hold_back(Status.BLOCKED, [error.reason], fetched.warnings)
            return False
        answer = _upload(client, parcel)
    if isinstance(answer, ConnectorError):
        apply_error(context, row, answer)
        return False
    row.mark_posted(invoice_uuid=answer.invoice_uuid, image_id=answer.image_id)
    return True


def _upload(client: CmicClient, parcel: _Parcel) -> UploadAnswer | ConnectorError:
    """CMiC's answer or the lack of one, on record before anything follows from it."""
    try:
        answer = client.upload_invoice(parcel.payload, parcel.document)
    except ConnectorError as error:
        put_on_record(parcel.attempt, error)
        return error
    parcel.attempt.end(
        SyncAttempt.Outcome.ACCEPTED,
        clock.now(),
        status=answer.status,
        answer=answer.body,
    )
    return answer


def _begin(
    context: RunContext,
    row: PurchaseSync,
    content: dict[str, Any],
    document: Document,
    fetched: Fetched,
) -> _Parcel:
    """Commit number and digest: from here on the invoice may exist.

    Raises `SentByOtherTenantError` where another tenant has the purchase.
    """
    chosen = context.tenant.transactions
    number = row.computed_number
    document_digest = fingerprint(document)
    with transaction.atomic():
        claim_for_tenant(row, context.tenant.pex)
        row.begin_posting(
            number=number,
            company=chosen.company_code,
            vendor=chosen.vendor_code,
            digest=digest(content, document_digest),
            document={
                "document_type": document.content_type,
                "document_size": len(document.content),
                "document_digest": document_digest,
                "document_pages": [[page.receipt, page.page] for page in fetched.pages],
                "lacks_receipt": fetched.lacks_receipt,
            },
            warnings=fetched.warnings,
            run=context.run,
            basis=context.basis,
        )
        attempt = SyncAttempt.objects.create(
            purchase=row,
            run=context.run,
            invoice_number=number,
            payload=content,
            document_name=document.file_name,
            document_digest=document_digest,
            started_at=clock.now(),
        )
    return _Parcel(content, document, attempt)
