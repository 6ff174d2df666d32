"""Celery: which message follows which. Everything else is in `sync.engine`.

Messages carry ids only. None is sent before what it speaks of is committed, and each
may arrive twice or never: the rows say what is left to do.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from celery import Task, shared_task
from django.conf import settings
from django.db import transaction
from django.dispatch import receiver
from kombu.exceptions import OperationalError

from audit import pruning
from config.broker import reconnected
from connector import clock
from connector.api.redis_causes import cause_of
from connector.codes.reading import refresh_requested
from logins import sessions
from sync.engine.alert import mailing, writing
from sync.engine.preview import previews
from sync.engine.run import lanes, preparing, recovery, waking
from sync.engine.steps import Step
from sync.engine.upkeep import future, refreshes, retention, tokens
from sync.models import Heartbeat

logger = logging.getLogger(__name__)

_BEAT = "beat"
_SETTLED = 2  # seconds


def send_on_commit(*steps: Step) -> None:
    """Send the messages once the open transaction, if any, is committed."""
    transaction.on_commit(lambda: _send(steps))


def refresh_on_commit(tenant_id: int) -> None:
    """Send the message for codes that a person asks for, once that is committed."""
    transaction.on_commit(lambda: _send_refresh(tenant_id, "manual"))


def preview_on_commit(preview_id: int) -> None:
    """Send the message for a preview once it is committed."""
    transaction.on_commit(lambda: _send_preview(preview_id))


@shared_task(name="sync.prepare_run")
def prepare_run(run_id: int) -> None:
    _send(preparing.prepare(run_id))


@shared_task(name="sync.sync_next", bind=True)
def sync_next(self: Task[..., None], run_id: int, lane_set: int) -> None:
    # Beside the arguments: a worker of the release before takes two of them.
    beat = (self.request.headers or {}).get(_BEAT)
    known = datetime.fromisoformat(beat) if beat else None
    _send(lanes.sync_next(run_id, lane_set, known))


@shared_task(name="sync.start_due_runs")
def start_due_runs() -> None:
    """Only the scheduler sends this, and only a worker takes it."""
    for part in Heartbeat.Part:
        Heartbeat.beat(part, clock.now())
    _send(recovery.due_tenants())


@shared_task(name="sync.recover")
def recover() -> None:
    Heartbeat.beat(Heartbeat.Part.WORKERS, clock.now())
    future.correct_moments(clock.now())
    _send(recovery.recover())
    for preview_id in previews.due_previews(clock.now()):
        _send_preview(preview_id)


@shared_task(name="sync.wake")
def wake(silent_for: float) -> None:
    """A worker reaches Redis again, without which it was for so many seconds."""
    _send(waking.wake(timedelta(seconds=silent_for)))
    for preview_id in previews.due_previews(clock.now()):
        _send_preview(preview_id)
    refresh_due_codes()


@receiver(reconnected)
def wake_soon(silent_for: float, **signal: Any) -> None:
    """Whoever goes on by itself has a moment to show it."""
    wake.apply_async((silent_for + _SETTLED,), queue="manual", countdown=_SETTLED)


@shared_task(name="sync.make_preview")
def make_preview(preview_id: int) -> None:
    previews.make_preview(preview_id)


@shared_task(name="sync.renew_tokens")
def renew_tokens() -> None:
    tokens.renew_tokens()


@shared_task(name="sync.send_alerts")
def send_alerts() -> None:
    writing.write_urgent_alerts(clock.now())
    mailing.send_alerts(clock.now())


@shared_task(name="sync.write_daily_alerts")
def write_daily_alerts() -> None:
    writing.write_daily_alerts(clock.now())


@shared_task(name="sync.prune")
def prune() -> None:
    logger.info("Removed as too old: %s", retention.prune(clock.now()))
    logger.info("Removed from the audit list: %s", pruning.prune(clock.now()))
    logger.info("Removed sessions: %s", sessions.prune(clock.now()))


@shared_task(name="sync.refresh_codes")
def refresh_codes(tenant_id: int) -> None:
    refresh_requested(tenant_id)


@shared_task(name="sync.refresh_due_codes")
def refresh_due_codes() -> None:
    for tenant_id in refreshes.due_refreshes():
        _send_refresh(tenant_id, "auto")


def _send_refresh(tenant_id: int, queue: str) -> None:
    """What a broker that is away does not take is sent again by `refresh_due_codes`."""
    try:
        refresh_codes.apply_async((tenant_id,), queue=queue)
    except OperationalError as error:
        logger.error("No message for codes of tenant %s: %s", tenant_id, _cause(error))


def _send_preview(preview_id: int) -> None:
    """What a broker that is away does not take is sent again by `recover`."""
    try:
        make_preview.apply_async((preview_id,), queue="manual")
    except OperationalError as error:
        logger.error("No message for preview %s: %s", preview_id, _cause(error))


def _send(steps: Iterable[Step]) -> None:
    """A broker that is away costs a wait, not the run: `wake` sends it again once a
    worker reaches the broker, and `recover` at its next round."""
    for step in steps:
        try:
            if step.lane_set is None:
                prepare_run.apply_async(
                    (step.run_id,), queue=step.queue, countdown=step.delay
                )
            else:
                sync_next.apply_async(
                    (step.run_id, step.lane_set),
                    queue=step.queue,
                    countdown=step.delay,
                    headers={_BEAT: step.beat.isoformat()} if step.beat else {},
                )
        except OperationalError as error:
            cause = _cause(error)
            logger.error("No message for run %s: %s", step.run_id, cause)
            waking.note_unsent(step, cause)


def _cause(error: OperationalError) -> str:
    return cause_of(error, settings.REDIS_URL)
