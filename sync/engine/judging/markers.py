"""Which markers are gone: PEX's list alone does not say, because it may be older than a
marker or have come without notes. Asks PEX; writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import Q

from connector import clock
from connector.api.exceptions import AuthenticationError, ConnectorError
from connector.api.pex.types import MARKER_TEXT, Note, Purchase
from sync.engine.judging.context import TenantContext
from sync.models import PurchaseSync, Status
from sync.rules.reasons import ReasonCode
from sync.rules.window import business_day

# Markers that are gone send their purchases again, so that asking is the least of it;
# a list that is mistaken so often is not to be believed at all.
_MOST_ASKED = 100
_MOST_MISTAKEN = 10
_ASKED_OF = ("pex_transaction_id", "pex_account_id", "occurred_at", "marker_seen_at")
_MARKER = Note(None, MARKER_TEXT)
_WAS_MARKED = Q(status=Status.COMPLETED, marker_seen_at__isnull=False) | Q(
    status=Status.SKIPPED, reasons__contains=[{"code": ReasonCode.ALREADY_SYNCED}]
)


def with_markers(
    context: TenantContext,
    purchases: Sequence[Purchase],
    listed_at: datetime,
    remarks: list[str],
) -> list[Purchase]:
    """The purchases of a list that was asked for at `listed_at`; those that had their
    marker and are listed without it keep it, unless PEX says of the one purchase that
    it is gone.

    Where nothing is missing nothing is asked. Raises `AuthenticationError`; whatever
    else goes wrong leaves the marker where it was.
    """
    bare = [each.transaction_id for each in purchases if not each.is_marked]
    known = PurchaseSync.objects.filter(
        _WAS_MARKED, tenant=context.tenant, pex_transaction_id__in=bare
    )
    # In no order, so that a few of which PEX does not tell hold up no other for ever.
    rows = list(known.only(*_ASKED_OF).order_by("?"))
    doubtful = [row for row in rows if not _is_newer(row, listed_at)]
    has_notes = any(each.notes for each in purchases)
    gone = _gone(context, doubtful, has_notes=has_notes)
    if left := len(doubtful) - len(gone):
        which = (
            "1 purchase without the marker that it had, and PEX did not confirm that "
            "it is gone. It counts"
            if left == 1
            else f"{left} purchases without the markers that they had, and PEX did not "
            "confirm that these are gone. They count"
        )
        remarks.append(f"PEX's list shows {which} as marked; the next sync asks again.")
    kept = {row.pex_transaction_id for row in rows} - gone
    return [
        replace(each, notes=(*each.notes, _MARKER))
        if each.transaction_id in kept
        else each
        for each in purchases
    ]


def is_marked(
    context: TenantContext, row: PurchaseSync, *, may_ask_list: bool = True
) -> bool:
    """Whether PEX has the marker now, asked for this one purchase. Where the token may
    not ask so, its cardholder's list of the day is asked instead, if it may be.

    Raises the client's error where PEX does not say.
    """
    day = business_day(row.occurred_at or clock.now())
    account = row.pex_account_id if may_ask_list else None
    notes = context.pex.list_notes(row.pex_transaction_id, account, day)
    return any(note.is_marker for note in notes)


def _is_newer(row: PurchaseSync, listed_at: datetime) -> bool:
    return row.marker_seen_at is not None and row.marker_seen_at >= listed_at


def _gone(
    context: TenantContext, rows: Iterable[PurchaseSync], *, has_notes: bool
) -> set[int]:
    """Those without a marker in PEX; so many as may be asked.

    Without `has_notes` the list lacks all notes, and so might a cardholder's.
    """
    gone: set[int] = set()
    mistaken = 0
    for row in rows:
        if mistaken >= _MOST_MISTAKEN or len(gone) + mistaken >= _MOST_ASKED:
            break
        context.heartbeat()
        try:
            is_there = is_marked(context, row, may_ask_list=has_notes)
        except AuthenticationError:
            raise
        except ConnectorError as error:
            if error.retryable:
                break
            is_there = True
        if is_there:
            mistaken += 1
        else:
            gone.add(row.pex_transaction_id)
    return gone
