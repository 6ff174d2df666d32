"""What Execute would send now, judged as a run judges, with nothing sent (F23).

A preview is asked for by a person, made by a worker and kept; the command of the same
name prints one without keeping it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from connector import clock
from connector.api.exceptions import ConnectorError
from connector.clock import lease_time
from connector.models import Tenant
from sync.engine.judging.context import TenantContext
from sync.engine.judging.rules import require_complete
from sync.engine.judging.survey import Survey, require_ready, survey
from sync.engine.purchase.invoices import content_of
from sync.engine.run.requesting import RunRefusedError, window_for
from sync.engine.steps import MESSAGE_LOST_AFTER
from sync.models import (
    Preview,
    PreviewedPurchase,
    PreviewLostError,
    PurchaseSync,
    Status,
)
from sync.models.run import SyncRun
from sync.rules.invoicing import invoice_number
from sync.rules.reasons import Verdict
from sync.rules.selection import Judgement

logger = logging.getLogger(__name__)

_CHUNK = 5000
# What an Execute decides about a purchase.
_FATE = ("status", "amount", "invoice_number", "invoice_on", "lines", "reasons")


def outlook(tenant: Tenant, seen: Survey) -> Iterator[PreviewedPurchase]:
    """Every purchase of the window as it stands, or would stand after an Execute now.

    Not saved, and of no preview yet. What is on its way or done already is as its row
    says, unless a marker that is gone has it sent again; everything else is as it was
    judged, with the number that it would get. Rows that are no purchases are left out.
    """
    known = _known(tenant, seen)
    for judgement in seen.judgements:
        purchase = judgement.purchase
        row = known.get(purchase.transaction_id)
        is_removed = row is not None and row.has_lost_marker(
            is_marked=purchase.is_marked
        )
        if row is not None and not (row.is_judgeable or is_removed):
            fate = {name: getattr(row, name) for name in _FATE}
        elif judgement.is_purchase:
            generation = row.generation + is_removed if row is not None else 1
            fate = _judged(judgement, generation)
        else:
            continue
        yield PreviewedPurchase(
            pex_transaction_id=purchase.transaction_id,
            merchant=purchase.merchant[:200],
            cardholder=seen.cardholders.get(purchase.account_id or 0, "")[:200],
            occurred_at=purchase.occurred_at,
            **fate,
        )


def request_preview(tenant: Tenant, user: User) -> Preview:
    """A queued preview of the days that an Execute now would cover.

    Raises `RunRefusedError` when another is being made or settings are missing.
    """
    try:
        require_complete(tenant)
    except ConnectorError as error:
        raise RunRefusedError(error.message) from error
    window = window_for(tenant, SyncRun.Trigger.MANUAL, clock.now())
    try:
        with transaction.atomic():
            return Preview.objects.create(
                tenant=tenant,
                asked_by=user,
                window_from=window.first,
                window_to=window.last,
            )
    except IntegrityError:
        raise RunRefusedError(
            f"A preview of {tenant} is being made already. Look at that one."
        ) from None


def make_preview(preview_id: int) -> None:
    """Judge the window and keep what was found; harmless to repeat.

    Whatever goes wrong is a sentence on the preview.
    """
    preview = Preview.objects.filter(pk=preview_id).first()
    if preview is None or not preview.begin(clock.now()):
        return
    try:
        _make(preview)
    except PreviewLostError as error:
        logger.info("%s", error)
    except ConnectorError as error:
        _fail(preview, str(error))
    except Exception:
        logger.exception("Preview %s ended by a fault of the connector", preview.pk)
        _fail(preview, "The connector itself failed; the worker's log says where.")
        raise


def due_previews(now: datetime) -> list[int]:
    """Those whose message or worker died."""
    lost, dead = now - MESSAGE_LOST_AFTER, now - lease_time()
    waiting = Preview.objects.filter(state=Preview.State.QUEUED, created_at__lt=lost)
    died = Preview.objects.filter(state=Preview.State.RUNNING, heartbeat_at__lt=dead)
    return list((waiting | died).values_list("pk", flat=True))


def _make(preview: Preview) -> None:
    tenant = preview.tenant
    require_complete(tenant)
    context = TenantContext(tenant, lambda: preview.beat(clock.now()))
    require_ready(context)
    seen = survey(context, preview.window)
    rows = list(outlook(tenant, seen))
    for row in rows:
        row.preview = preview
    _add_invoices(context, rows)
    preview.finish(rows, clock.now(), " ".join(seen.remarks))


def _fail(preview: Preview, message: str) -> None:
    try:
        preview.fail(clock.now(), message)
    except PreviewLostError as error:
        logger.info("%s", error)


def _known(tenant: Tenant, seen: Survey) -> Mapping[int, PurchaseSync]:
    ids = [judgement.purchase.transaction_id for judgement in seen.judgements]
    known: dict[int, PurchaseSync] = {}
    for start in range(0, len(ids), _CHUNK):
        rows = PurchaseSync.objects.filter(
            tenant=tenant, pex_transaction_id__in=ids[start : start + _CHUNK]
        ).defer("facts")
        known |= {row.pex_transaction_id: row for row in rows}
    return known


def _judged(judgement: Judgement, generation: int) -> dict[str, Any]:
    """The number only where it would be sent under it."""
    number = invoice_number(judgement.purchase.transaction_id, generation)
    return {
        "status": judgement.status,
        "amount": judgement.amount,
        "invoice_number": number if judgement.status is Verdict.PENDING else "",
        "invoice_on": judgement.invoice_on,
        "lines": [line.to_json() for line in judgement.lines],
        "reasons": [reason.to_json() for reason in judgement.reasons],
    }


def _add_invoices(context: TenantContext, rows: list[PreviewedPurchase]) -> None:
    """All that would be uploaded for those that would be sent, but the document."""
    for row in rows:
        if row.status == Status.PENDING and row.invoice_on and row.amount is not None:
            row.invoice = content_of(context, row, row.invoice_number)
