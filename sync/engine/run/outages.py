"""Telling an outage of PEX or CMiC from the trouble of one purchase (F26).

Waiting an outage out is `sync.engine.run.ending`; what becomes of the purchase that met
it is `sync.engine.run.lanes`.
"""

from __future__ import annotations

from django.db.models import Max

from connector import clock
from connector.api.exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    ConnectorError,
)
from sync.engine.judging.context import RunContext
from sync.models import PurchaseSync, Status, SyncRun
from sync.rules.reasons import Reason, ReasonCode, Who

_FAULTS_TO_PAUSE = 2
# More than purchases that are locked or gone in PEX are likely to come in a row.
_MARKERS_TO_END = 5


def is_outage(context: RunContext, row: PurchaseSync, error: ConnectorError) -> bool:
    """Whether the other side fails for everybody, and not this purchase only.

    Two purchases in a row that fail are an outage; one that fails for ever is its own
    trouble and must not hold up the others. Where only one is left to tell by, its
    second fault has the other side asked for something harmless.
    """
    if isinstance(error, ApiConnectionError):
        return True
    if row.fault_count == 0:
        run = context.run
        enough = 1 if run.paused_at is not None else _FAULTS_TO_PAUSE
        return run.count_fault(clock.now(), error.system) >= enough
    try:
        require_answer(context, error.system)
    except ConnectorError:
        return True
    return False


def takes_no_marker(run: SyncRun) -> bool:
    """Whether PEX has refused the markers of so many of the run's purchases, and taken
    none since, that the right to write them must be missing.

    To go on would register invoices whose purchases look unsynced in PEX.
    """
    left = run.purchases.filter(status=Status.POSTED, is_deferred=True)
    written = run.purchases.filter(marker_note_id__isnull=False)
    newest = written.aggregate(at=Max("marker_written_at"))["at"]
    if newest is not None:
        left = left.filter(updated_at__gt=newest)
    return left.count() >= _MARKERS_TO_END


def require_answer(context: RunContext, system: str) -> None:
    """Raises the client's error unless the system answers; a refusal is an answer.

    Asked before anything is sent after an outage, because a lost answer to an upload
    costs a purchase hours and perhaps a person, and PEX's list is for ten times an
    hour only.
    """
    if system == "PEX":
        context.pex.check_token()
    else:
        context.cmic.require_answer()


def tried_again(error: ConnectorError) -> Reason:
    """For a purchase that is left to the next run after that error."""
    is_denied = isinstance(error, AccessDeniedError)
    return Reason(
        ReasonCode.CREDENTIALS_REFUSED if is_denied else ReasonCode.OUTAGE,
        f"{error.message.rstrip('.')}. It is tried again at the next sync.",
        Who.SUPPORT,
    )
