"""Runs whose messages Redis did not take, or lost while it was away.

Their purchases are on record, so that nothing is missing but somebody to go on: the run
is prepared again, with new lanes. Late messages of the old ones are outdated then.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from connector import clock
from sync.engine.steps import Step
from sync.models import SyncRun

logger = logging.getLogger(__name__)

# What is due later is taken up by `recover`, which comes each minute.
_SOON = timedelta(minutes=1)


def note_unsent(step: Step, cause: str) -> None:
    """Put on record that this message was not taken, and why: whoever looks next for
    runs that are due finds it. Changes nothing where the run has gone on otherwise."""
    now = clock.now()
    message = f"The run cannot continue, because no message reaches a worker. {cause}"
    if step.lane_set is None:
        # An outage of PEX or CMiC that it waits for is the better reason.
        waiting = SyncRun.objects.active().filter(pk=step.run_id, reason="")
        waiting.update(message=message)
        return
    run = SyncRun.objects.filter(pk=step.run_id, lane_set=step.lane_set).first()
    if run is not None:
        run.wait_for_limit(now, message, now)


def wake(silent_for: timedelta) -> list[Step]:
    """Steps for all runs that are due within a minute, and for those that showed no
    life for that long, in which a worker had no connection: messages of their lanes
    that workers held are lost.

    Who prepares a run for the first time needs no message to go on with it.
    """
    now = clock.now()
    steps: list[Step] = []
    for run in SyncRun.objects.active():
        if _has_lost_lanes(run, silent=now - silent_for):
            logger.info("%s is taken up again after Redis was away", run)
            run.prepare_again(now)
        if run.status == SyncRun.State.QUEUED:
            steps.append(Step(run.pk, run.queue))
        elif run.resume_at is not None and run.resume_at <= now + _SOON:
            delay = max((run.resume_at - now).total_seconds(), 0.0)
            steps.append(Step(run.pk, run.queue, delay=delay))
    return steps


def _has_lost_lanes(run: SyncRun, *, silent: datetime) -> bool:
    return (
        run.prepared_at is not None
        and run.resume_at is None
        and run.heartbeat_at is not None
        and run.heartbeat_at < silent
    )
