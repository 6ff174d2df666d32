"""The marker “Synced with CMiC” of one purchase in PEX: written once, or looked for.

Where PEX takes none for this purchase, a person decides how it ends.
"""

from __future__ import annotations

from connector import clock
from connector.api.exceptions import ConnectorError
from connector.api.pex.types import MARKER_TEXT
from sync.engine.judging.context import RunContext
from sync.engine.judging.markers import is_marked
from sync.models import Decision, PurchaseSync
from sync.rules.reasons import MARKER, Reason, ReasonCode, Who


def mark(context: RunContext, row: PurchaseSync, *, may_be_marked: bool) -> None:
    """Write the note once: after a doubt, read the purchase before writing (P6)."""
    if may_be_marked and is_marked(context, row):
        row.mark_completed(note_id=None, was_seen=True)
        return
    text = _marker(row)
    note_id = context.pex.add_note(row.pex_transaction_id, text)
    row.mark_completed(note_id=note_id, was_seen=False)


def refused_marker(error: ConnectorError) -> Reason:
    """For a purchase to which nothing is left to do but a marker that PEX refuses."""
    return Reason(
        ReasonCode.CREDENTIALS_REFUSED,
        "At two syncs PEX has not taken the note “Synced with CMiC” for this purchase, "
        f"although the connection works. {error.message.rstrip('.')}.",
        Who.SUPPORT,
        field=MARKER,
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
            about = f"(marked by {marked.decided_by or 'support'})"
    return f"{MARKER_TEXT} {about} {clock.now():%Y-%m-%d %H:%M} UTC"
