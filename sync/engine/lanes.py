"""One lane of a run: take a purchase, bring it further, say what comes next."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from connector.exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    AuthenticationError,
    ConnectorError,
    RateLimitError,
    SettingsIncompleteError,
)
from sync.engine.runs import PAUSE, fail, finish, go_on, guarded, lease_time, pause
from sync.engine.sending import advance
from sync.engine.settling import CredentialsRefusedError
from sync.engine.steps import Step
from sync.models import LeaseLostError, PurchaseSync, Status, SyncRun
from sync.reasons import Reason, ReasonCode, Who

logger = logging.getLogger(__name__)

# A lane with nothing to do now looks again after this many seconds at the latest.
_LONGEST_DELAY = 20.0
_OWN_FAULT = Reason(
    ReasonCode.OUTAGE,
    "The connector itself failed on this purchase; the worker's log says where. It is "
    "tried again at the next sync.",
    Who.SUPPORT,
)
# Only these show that uploads are answered: a look-up may work while they do not.
_ANSWERED = (Status.POSTED, Status.COMPLETED, Status.FAILED)
_FAULTS_TO_PAUSE = 2
_FAULTS_TO_DEFER = 5


def sync_next(run_id: int, lane_set: int) -> list[Step]:
    """Work on one purchase of the run; the step that continues this lane, if any.

    Harmless to repeat: a message of an older set of lanes does nothing, and no two
    lanes get the same purchase.
    """
    run = SyncRun.objects.with_settings().get(pk=run_id)
    if run.status != SyncRun.State.RUNNING or run.lane_set != lane_set:
        return []
    return guarded(run, lambda: _sync_next(run))


def _sync_next(run: SyncRun) -> list[Step]:
    now = timezone.now()
    run.beat(now)
    row = PurchaseSync.objects.claim_next(run, now, lease_time())
    if row is None:
        return _idle(run, now)
    delay = 0.0
    others: list[Step] = []
    try:
        advance(run, row)
    except LeaseLostError:
        _log_loss(row)
    except RateLimitError as error:
        delay = min(error.retry_after or 5.0, _LONGEST_DELAY)
        _give_back(row, timedelta(seconds=error.retry_after or 5.0))
    except (CredentialsRefusedError, AuthenticationError) as error:
        _give_back(row)
        fail(run, error.message, SyncRun.Reason.CREDENTIALS_REFUSED)
        return []
    except SettingsIncompleteError as error:
        _give_back(row)
        fail(run, error.message)
        return []
    except ConnectorError as error:
        return _after_fault(run, row, error)
    except (OperationalError, InterfaceError):
        # Nothing can be put on record now; the run is taken up again by `recover`.
        raise
    except Exception:
        logger.exception("Purchase %s ran into a fault of the connector", row.pk)
        _put_aside(row, _OWN_FAULT)
    else:
        others = go_on(run) if row.status in _ANSWERED else []
    return [*others, Step(run.pk, run.queue, run.lane_set, delay)]


def _idle(run: SyncRun, now: datetime) -> list[Step]:
    """Nothing is due: wait for what will be, or end the run."""
    unfinished = PurchaseSync.objects.filter(run=run).unfinished()
    waits = unfinished.filter(claimed_by=None).values_list("not_before", flat=True)
    earliest = min((moment for moment in waits if moment), default=None)
    if earliest is not None:
        seconds = (earliest - now).total_seconds()
        delay = min(max(seconds, 0.2), _LONGEST_DELAY)
        return [Step(run.pk, run.queue, run.lane_set, delay)]
    if not unfinished.exists():
        finish(run)
    return []


def _after_fault(run: SyncRun, row: PurchaseSync, error: ConnectorError) -> list[Step]:
    """The other side failed: this purchase waits, and after a few in a row all do.

    A purchase counts once towards an outage: one that fails for ever is its own
    trouble and must not hold up the others.
    """
    is_fault = error.retryable or error.may_have_succeeded
    if isinstance(error, ApiConnectionError):
        _give_back(row)
        pause(run, error.message)
        return []
    if (
        error.retryable
        and row.fault_count == 0
        and run.count_fault() >= _FAULTS_TO_PAUSE
    ):
        # This one waits longer than the run, so that another is tried first then.
        _put_off(row, error, is_hopeless=False, wait=2 * PAUSE)
        pause(run, error.message)
        return []
    _put_off(row, error, is_hopeless=not is_fault, wait=timedelta(seconds=5))
    return [Step(run.pk, run.queue, run.lane_set)]


def _put_off(
    row: PurchaseSync, error: ConnectorError, *, is_hopeless: bool, wait: timedelta
) -> None:
    """Later in this run, or after too many faults (or a refusal) in the next."""
    if row.claimed_by is None:
        return
    if is_hopeless or row.fault_count + 1 >= _FAULTS_TO_DEFER:
        _put_aside(row, _reason(error))
        return
    try:
        row.release_after_fault(timezone.now() + wait * 2**row.fault_count)
    except LeaseLostError:
        _log_loss(row)


def _put_aside(row: PurchaseSync, reason: Reason) -> None:
    """One purchase's trouble stops no other: the next run takes it up again."""
    if row.claimed_by is None:
        return
    try:
        row.defer(reason)
    except LeaseLostError:
        _log_loss(row)


def _reason(error: ConnectorError) -> Reason:
    is_denied = isinstance(error, AccessDeniedError)
    return Reason(
        ReasonCode.CREDENTIALS_REFUSED if is_denied else ReasonCode.OUTAGE,
        f"{error.message} It is tried again at the next sync.",
        Who.SUPPORT,
    )


def _give_back(row: PurchaseSync, wait: timedelta | None = None) -> None:
    """Unless the engine gave it back already."""
    if row.claimed_by is None:
        return
    try:
        row.release(timezone.now() + wait if wait else None)
    except LeaseLostError:
        _log_loss(row)


def _log_loss(row: PurchaseSync) -> None:
    logger.warning("Purchase %s was taken over by another worker", row.pk)
