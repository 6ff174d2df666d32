"""How a run waits and ends: of itself, by a fault, or because a person says so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import InterfaceError, OperationalError

from connector import clock
from connector.api.exceptions import (
    AccessDeniedError,
    ApiResponseError,
    AuthenticationError,
    ConnectorError,
    RateLimitError,
    SettingsIncompleteError,
)
from connector.connections.probing import remember_refusal
from sync.engine.judging.access import CredentialsRefusedError, require_access
from sync.engine.judging.context import RunContext
from sync.engine.run.counts import count_outcomes
from sync.engine.steps import Step
from sync.models import PurchaseSync, RunLostError, SyncRun

logger = logging.getLogger(__name__)

LONGEST_OUTAGE = timedelta(hours=1)
# Seconds of one pause after the other: most outages are short.
_PAUSES = (5, 15, 30)
_LONGEST_PAUSE = timedelta(seconds=60)
# 429 so many times in a row, without a purchase getting further, is an outage.
_LIMITS_TO_PAUSE = 10
# A longer wait is ended by `recover`: the broker would send its message twice.
_LONGEST_MESSAGE = timedelta(minutes=30)
_TOO_MANY = 429
# Its lanes may be replaced between two lines; hardly ever so often.
_STOP_TRIES = 5


def end(
    run: SyncRun,
    state: SyncRun.State | None = None,
    message: str | None = None,
    reason: str = "",
) -> bool:
    """Count the run's purchases, which stay as they are, and end it.

    Without a `state` nothing is left to do, and its rows say how it went; without a
    `message` it keeps the one it has. False if it had ended already, or others work on
    it by now.
    """
    counts = count_outcomes(run)
    if state is None:
        state = _state_by_rows(run, counts)
    if state == SyncRun.State.STOPPED:
        message = f"{message} {_rest(counts['waiting'])}"
    return run.end(state, clock.now(), counts=counts, reason=reason, message=message)


def stop(run: SyncRun, who: str) -> bool:
    """End a run because a person says so; False if it had ended already.

    A purchase that is on its way to CMiC is finished by its lane; no other is begun
    (`begin_posting` asks for a run that runs), and the next sync takes up the rest.
    """
    for _ in range(_STOP_TRIES):
        run.refresh_from_db()
        if end(run, SyncRun.State.STOPPED, f"Stopped by {who}."):
            return True
        if not run.is_active:
            return False
    return False


def _state_by_rows(run: SyncRun, counts: dict[str, int]) -> SyncRun.State:
    asks = PurchaseSync.objects.filter(run=run, needs_person=True)
    if counts["failed"] or counts["waiting"] or asks.exists():
        return SyncRun.State.PARTIAL
    return SyncRun.State.SUCCEEDED


def _rest(left: int) -> str:
    if left == 1:
        return "1 purchase is left to the next sync."
    return f"{left} purchases are left to the next sync."


def pause(run: SyncRun, error: ConnectorError) -> list[Step]:
    """An outage: the run waits and tries again, for an hour at the most (F26); the step
    that begins it again."""
    now = clock.now()
    if run.paused_at is not None and now - run.paused_at > LONGEST_OUTAGE:
        message = f"{error.message} It was tried for an hour."
        end(run, SyncRun.State.FAILED, message, SyncRun.Reason.OUTAGE)
        return []
    wait = pause_of(run, error)
    if not run.pause(now, error.message, now + wait, error.system):
        return []
    return _begin_after(run, wait)


def pause_of(run: SyncRun, error: ConnectorError) -> timedelta:
    """How long the run would wait now: as long as the other side tells, else longer
    with each pause of one outage."""
    told = getattr(error, "retry_after", None)
    if told:
        return min(timedelta(seconds=told), LONGEST_OUTAGE)
    begun = run.paused_at or clock.now()
    since = (clock.now() - begun).total_seconds()
    waited = 0
    for seconds in _PAUSES:
        waited += seconds
        if since < waited:
            return timedelta(seconds=seconds)
    return _LONGEST_PAUSE


def wait_for_limit(run: SyncRun, error: RateLimitError) -> list[Step]:
    """The limit of calls is reached: the run goes on after exactly the wait that was
    told. Limits that never end are an outage."""
    if is_for_ever(run, error):
        return pause(run, error)
    wait = timedelta(seconds=error.retry_after or _LONGEST_PAUSE.total_seconds())
    now = clock.now()
    if not run.wait_for_limit(now, error.message, now + wait):
        return []
    return _begin_after(run, wait)


def is_for_ever(run: SyncRun, error: RateLimitError) -> bool:
    """Whether the other side has said 429 so often in a row that it is no limit; this
    one is counted."""
    if error.status != _TOO_MANY:
        return False
    count = run.count_fault(clock.now(), error.system)
    return run.paused_at is not None or count >= _LIMITS_TO_PAUSE


def _begin_after(run: SyncRun, wait: timedelta) -> list[Step]:
    if wait > _LONGEST_MESSAGE:
        return []
    return [Step(run.pk, run.queue, delay=wait.total_seconds())]


def end_refused(
    run: SyncRun, error: ConnectorError, message: str | None = None
) -> None:
    """End a run that cannot go on with its credentials or their rights; `message` says
    so in place of the error's own.

    The connection's state says so only where something harmless is refused as well.
    """
    if _is_confirmed(run, error):
        remember_refusal(run.tenant, error, run.started_at)
    reason = SyncRun.Reason.CREDENTIALS_REFUSED
    end(run, SyncRun.State.FAILED, message or error.message, reason)


def _is_confirmed(run: SyncRun, error: ConnectorError) -> bool:
    if not isinstance(error, ApiResponseError):
        return isinstance(error, CredentialsRefusedError)
    try:
        require_access(RunContext(run), error)
    except CredentialsRefusedError:
        return True
    except ConnectorError as unknown:
        logger.info("%s, and whether it refuses all: %s", run, unknown)
    return False


def guarded(run: SyncRun, work: Callable[[], list[Step]]) -> list[Step]:
    """Do a part of a run; whatever goes wrong leaves a readable row."""
    try:
        return work()
    except RunLostError as error:
        logger.info("%s", error)
    except SettingsIncompleteError as error:
        end(run, SyncRun.State.FAILED, error.message)
    except (AuthenticationError, AccessDeniedError, CredentialsRefusedError) as error:
        end_refused(run, error)
    except RateLimitError as error:
        return wait_for_limit(run, error)
    except ConnectorError as error:
        return pause(run, error)
    except (OperationalError, InterfaceError):
        # Nothing can be put on record now; `recover` takes the run up again.
        raise
    except Exception:
        logger.exception("Run %s ended by a fault of the connector itself", run.pk)
        message = "The connector itself failed; the log of the worker says where."
        end(run, SyncRun.State.FAILED, message)
        raise
    return []
