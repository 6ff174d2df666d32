"""The marker “Synced with CMiC” of one purchase in PEX: written once, or looked for.

Where PEX takes none for this purchase, a person decides how it ends.
"""

from __future__ import annotations

from connector import clock
from connector.api.exceptions import ConnectorError
from connector.api.pex.types import MARKER_TEXT
from connector.models.recorded import whose
from sync.engine.judging.context import RunContext
from sync.engine.judging.markers import is_marked
from sync.models import Decision, PurchaseSync
from sync.rules.reasons import MARKER, Reason, ReasonCode, Who


def mark(context: RunContext, row: PurchaseSync, *, is_made: bool) -> None:
    """Write the note once: unless the invoice was made just now, read the purchase
    before writing (P6).

    Where it was found instead, its answer, the worker or the database was lost, and a
    note may be there already.
    """
    if not is_made and (reason := _of_former_business(context, row)):
        row.defer(reason)
        return
    is_there = not is_made and is_marked(context, row)
    note_id = None
    if not is_there:
        note_id = context.pex.add_note(row.pex_transaction_id, _marker(row))
    row.mark_completed(note_id=note_id, was_seen=is_there)


def refused_marker(error: ConnectorError) -> Reason:
    """For a purchase to which nothing is left to do but a marker that PEX refuses."""
    return Reason(
        ReasonCode.CREDENTIALS_REFUSED,
        "At two syncs PEX has not taken the note “Synced with CMiC” for this purchase, "
        f"although the connection works. {error.message.rstrip('.')}.",
        Who.SUPPORT,
        field=MARKER,
    )


def _of_former_business(context: RunContext, row: PurchaseSync) -> Reason | None:
    """Why PEX cannot be asked about the posted purchase: the tenant read another
    business when it was first seen. What is pending is judged anew after that."""
    pex, run = context.tenant.pex, context.run
    seen_at = min(run.started_at or run.created_at, row.created_at)
    former = pex.business_at(seen_at)
    if former is None or pex.reads(former):
        return None
    return Reason(
        ReasonCode.CREDENTIALS_REFUSED,
        f"The purchase is of the PEX business {former}, and {context.tenant} reads "
        f"{pex.business} by now. It goes on once a token of its own business is "
        "entered under Manage credentials.",
        Who.SUPPORT,
        value=str(former.number),
    )


def _marker(row: PurchaseSync) -> str:
    """“Synced with CMiC”, the invoice number and the moment (P4).

    A purchase that was never sent has no invoice of that number: then whoever marked it
    is named instead.
    """
    about = row.invoice_number
    if row.posting_at is None:
        marked = row.decisions.filter(kind=Decision.Kind.MARK_SYNCED).last()
        if marked is not None:
            about = f"(marked by {whose(marked, 'decided_by') or 'support'})"
    return f"{MARKER_TEXT} {about} {clock.now():%Y-%m-%d %H:%M} UTC"
