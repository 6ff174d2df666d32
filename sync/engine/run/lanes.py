"""One lane of a run: take a purchase, bring it further, say what comes next.

A message is a slice of a lane: purchases for about a second, then everybody else's
messages have their turn. Its rules and clients are read once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Min
from django.db.models.functions import Coalesce

from connector import clock
from connector.api.exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    AuthenticationError,
    ConnectorError,
    LimiterAwayError,
    RateLimitError,
    SettingsIncompleteError,
)
from connector.clock import lease_time
from sync.engine.judging.access import CredentialsRefusedError, require_access
from sync.engine.judging.context import RunContext
from sync.engine.purchase.marking import refused_marker
from sync.engine.purchase.sending import advance
from sync.engine.purchase.settling import look_up_failed
from sync.engine.run.ending import (
    end,
    end_refused,
    guarded,
    is_for_ever,
    pause,
    pause_of,
    wait_for_limit,
)
from sync.engine.run.outages import is_outage, takes_no_marker, tried_again
from sync.engine.steps import Step
from sync.models import (
    JudgementOutdatedError,
    LeaseLostError,
    PurchaseSync,
    RunLostError,
    Status,
    SyncRun,
)
from sync.rules.reasons import Reason, ReasonCode, Who

logger = logging.getLogger(__name__)

# Seconds after which a lane lets others have their turn: short for those who wait,
# and long enough for messages and the reading of settings to cost next to nothing.
_SLICE = 1.0
# A lane with nothing to do now looks again after this many seconds at the latest.
_LONGEST_DELAY = 20.0
# Where the other side does not tell how many seconds its limit lasts.
_WAIT_FOR_LIMIT = 5.0
_OWN_FAULT = Reason(
    ReasonCode.OUTAGE,
    "The connector itself failed on this purchase; the worker's log says where. It is "
    "tried again at the next sync.",
    Who.SUPPORT,
)
# Only these show that uploads are answered: a look-up may work while they do not.
_ANSWERED = (Status.POSTED, Status.COMPLETED, Status.FAILED)
_FAULTS_TO_DEFER = 5


def sync_next(run_id: int, lane_set: int, beat: datetime | None = None) -> list[Step]:
    """Work on purchases of the run for a slice; the step that continues this lane.

    `beat` is the newest heartbeat that the lane knows of. Harmless to repeat: a message
    of an older set of lanes does nothing, and no two lanes get the same purchase.
    """
    run = SyncRun.objects.filter(pk=run_id, status=SyncRun.State.RUNNING).first()
    if run is None:
        return []
    if run.lane_set > lane_set:
        return []
    if run.is_older_than(lane_set, beat) or _was_silent(run):
        return _after_put_back(run, lane_set)
    steps = guarded(run, lambda: _work(RunContext(run)))
    if not steps:
        # What ended the slice may be that the database under it was put back.
        steps = _after_loss(run)
    return steps


def _was_silent(run: SyncRun) -> bool:
    """No lane has shown life for a lease although here comes one: the database may be
    one of that time."""
    beat = run.heartbeat_at
    return beat is not None and beat < clock.now() - lease_time()


def _after_loss(known: SyncRun) -> list[Step]:
    run = SyncRun.objects.filter(pk=known.pk, status=SyncRun.State.RUNNING).first()
    if run is None or not run.is_older_than(known.lane_set, known.heartbeat_at):
        return []
    return _after_put_back(run, known.lane_set)


def _after_put_back(run: SyncRun, lane_set: int) -> list[Step]:
    """An older database was put back while lanes worked: what they sent since is not on
    record, but PEX and CMiC know of it."""
    logger.warning("%s: the database is older than what lanes know; judged anew", run)
    run.judge_anew(clock.now(), lane_set)
    return [Step(run.pk, run.queue)]


def _work(context: RunContext) -> list[Step]:
    run = context.run
    until = time.monotonic() + _SLICE
    context.heartbeat()
    while True:
        row = PurchaseSync.objects.claim_next(run, clock.now())
        if row is None:
            return _idle(run, clock.now())
        steps = _sync_one(context, row)
        if steps is not None:
            return steps
        if time.monotonic() >= until:
            # The message tells of it: a database that knows no such heartbeat is older.
            context.heartbeat()
            return [_next_slice(run)]


def _sync_one(context: RunContext, row: PurchaseSync) -> list[Step] | None:
    """Work on a claimed purchase; None if the lane simply goes on with another."""
    run = context.run
    context.in_hand = row
    try:
        _advance(context, row)
    except (LeaseLostError, JudgementOutdatedError, RunLostError) as error:
        return _after_change(context, row, error)
    except ConnectorError as error:
        run.note_progress()
        return _after_error(context, row, error)
    except (OperationalError, InterfaceError):
        # Nothing can be put on record now; the run is taken up again by `recover`.
        raise
    except Exception:
        logger.exception("Purchase %s ran into a fault of the connector", row.pk)
        _let_go(row, row.defer, _OWN_FAULT)
        run.note_progress()
    else:
        run.note_progress()
        if row.status in _ANSWERED and (others := _wake_lanes(run)):
            return [*others, _next_slice(run)]
    return None


def _after_change(
    context: RunContext, row: PurchaseSync, error: Exception
) -> list[Step]:
    """What the lane went by is not so any more: nothing was sent."""
    run = context.run
    logger.info("%s", error)
    _let_go(row, row.release)
    if isinstance(error, RunLostError):
        raise error
    if isinstance(error, JudgementOutdatedError):
        was_judged = row.judged_at is not None and row.judged_with == context.basis
        run.prepare_again(clock.now(), is_too_old=was_judged)
        return [Step(run.pk, run.queue)]
    return [_next_slice(run)]


def _after_error(
    context: RunContext, row: PurchaseSync, error: ConnectorError
) -> list[Step]:
    """A call had no good end: the purchase waits, or the run ends or waits."""
    run = context.run
    if isinstance(error, LimiterAwayError):
        _let_go(row, row.release)
        return wait_for_limit(run, error)
    if isinstance(error, RateLimitError):
        wait = error.retry_after or _WAIT_FOR_LIMIT
        _let_go(row, row.release, clock.now() + timedelta(seconds=wait))
        if is_for_ever(run, error):
            return pause(run, error)
        return [_next_slice(run, min(wait, _LONGEST_DELAY))]
    if isinstance(error, CredentialsRefusedError | AuthenticationError):
        _let_go(row, row.release)
        end_refused(run, error)
        return []
    if isinstance(error, SettingsIncompleteError):
        _let_go(row, row.release)
        end(run, SyncRun.State.FAILED, error.message)
        return []
    return _after_fault(context, row, error)


def _advance(context: RunContext, row: PurchaseSync) -> None:
    """As `advance`; what it still raises as a refusal is a matter of this purchase."""
    try:
        advance(context, row)
    except AccessDeniedError as error:
        require_access(context, error)
        raise


def _wake_lanes(run: SyncRun) -> list[Step]:
    """A call has succeeded; after an outage, the steps of the lanes that waited."""
    was_paused = run.paused_at is not None
    run.note_success()
    if not was_paused:
        return []
    return [_next_slice(run)] * (settings.SYNC_LANES - 1)


def _next_slice(run: SyncRun, delay: float = 0.0) -> Step:
    return Step(run.pk, run.queue, run.lane_set, delay, run.heartbeat_at)


def _idle(run: SyncRun, now: datetime) -> list[Step]:
    """Nothing is due: wait for what will be, or end the run."""
    unfinished = PurchaseSync.objects.filter(run=run).unfinished()
    # What other workers have leased becomes free if they die: at the end of the lease.
    free_at = Coalesce("claimed_until", "not_before")
    earliest = unfinished.aggregate(earliest=Min(free_at))["earliest"]
    if earliest is not None:
        seconds = (earliest - now).total_seconds()
        delay = min(max(seconds, 0.2), _LONGEST_DELAY)
        return [_next_slice(run, delay)]
    if not unfinished.exists():
        end(run)
    return []


def _after_fault(
    context: RunContext, row: PurchaseSync, error: ConnectorError
) -> list[Step]:
    """The other side failed or refused: this purchase waits, or all of them do."""
    run = context.run
    is_fault = error.retryable or error.may_have_succeeded
    if is_fault and is_outage(context, row, error):
        if isinstance(error, ApiConnectionError):
            _let_go(row, row.release)
        else:
            # Longer than the run, so that another is tried first then.
            _put_off(row, error, wait=2 * pause_of(run, error))
        return pause(run, error)
    if error.system == "CMiC":
        # An upload's failure is settled by now: what is left is a look-up's.
        _let_go(row, look_up_failed, row, error)
    elif is_fault and row.fault_count + 1 < _FAULTS_TO_DEFER:
        _put_off(row, error, wait=timedelta(seconds=5))
    elif row.status == Status.POSTED and row.reasons:
        # An earlier run had to leave it too: by itself it will not get its marker.
        _let_go(row, row.ask_person, refused_marker(error))
    else:
        _let_go(row, row.defer, tried_again(error))
        if row.status == Status.POSTED and not is_fault and takes_no_marker(run):
            why = f"PEX refuses the marker of one purchase after another: {error}"
            end_refused(run, error, why)
            return []
    return [_next_slice(run)]


def _put_off(row: PurchaseSync, error: ConnectorError, *, wait: timedelta) -> None:
    """Later in this run, or after too many faults in the next."""
    if row.fault_count + 1 >= _FAULTS_TO_DEFER:
        _let_go(row, row.defer, tried_again(error))
    else:
        later = clock.now() + wait * 2**row.fault_count
        _let_go(row, row.release_after_fault, later)


def _let_go(row: PurchaseSync, verb: Callable[..., None], *args: Any) -> None:
    """Give the purchase back by that verb, unless the engine did so already.

    Where another worker has it, nothing is left to give back.
    """
    if row.claimed_by is None:
        return
    try:
        verb(*args)
    except LeaseLostError as error:
        logger.warning("%s", error)
