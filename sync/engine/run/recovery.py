"""What beat asks each minute: which runs died, wait or are due (F14, F26).

Everything here may happen twice at once and does its work once: each decision is a
guarded UPDATE, and steps that are sent twice are harmless.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q

from connector import clock
from connector.clock import lease_time
from connector.models import Tenant
from sync.engine.run.requesting import RunRefusedError, request_run
from sync.engine.steps import MESSAGE_LOST_AFTER, Step
from sync.models import SyncRun

logger = logging.getLogger(__name__)

_DAY = timedelta(days=1)


def recover() -> list[Step]:
    """Steps for runs whose message, worker or lanes died, and for paused ones."""
    now = clock.now()
    steps: list[Step] = []
    for run in SyncRun.objects.active():
        if not _is_stuck(run, now):
            continue
        logger.info("Run %s is taken up again", run.pk)
        try:
            steps.append(_take_up(run))
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # One run's trouble costs no other its recovery.
            logger.exception("Run %s could not be taken up again", run.pk)
    return steps


def _is_stuck(run: SyncRun, now: datetime) -> bool:
    if run.resume_at is not None:
        return run.resume_at <= now
    if run.status == SyncRun.State.QUEUED:
        return run.created_at < now - MESSAGE_LOST_AFTER
    return run.heartbeat_at is None or run.heartbeat_at < now - lease_time()


def _take_up(run: SyncRun) -> Step:
    """Through preparing, whatever happened to it: lanes start nowhere else."""
    return Step(run.pk, run.queue)


def due_tenants() -> list[Step]:
    """Start the automatic runs whose moment has come; each moment starts one.

    A moment is a tenant's own time of day, spread by its id. Missed days are made up
    for once: the next moment is always in the future.
    """
    now = clock.now()
    steps: list[Step] = []
    # Switched on again, a tenant waits for its moment; the old one is long past.
    off = Tenant.objects.filter(auto_sync=False).exclude(next_auto_sync_at=None)
    off.update(next_auto_sync_at=None)
    due = Tenant.objects.filter(auto_sync=True).filter(
        Q(next_auto_sync_at=None) | Q(next_auto_sync_at__lte=now)
    )
    for tenant in due:
        step = _start_if_due(tenant, now)
        if step is not None:
            steps.append(step)
    return steps


def _start_if_due(tenant: Tenant, now: datetime) -> Step | None:
    """The moment moves and the run is queued together, or neither.

    The one scheduler that moves the column starts the run. While another run of the
    tenant is active the moment stays, and is met when that one has ended.
    """
    before = tenant.next_auto_sync_at
    with transaction.atomic():
        moved = Tenant.objects.filter(pk=tenant.pk, next_auto_sync_at=before).update(
            next_auto_sync_at=next_moment(tenant.pk, now)
        )
        if not moved or before is None:
            return None
        try:
            _, step = request_run(tenant, SyncRun.Trigger.AUTO)
        except RunRefusedError as error:
            logger.warning("The automatic run was not started: %s", error)
            transaction.set_rollback(error.active is not None)
            return None
    return step


def next_moment(tenant_id: int, now: datetime) -> datetime:
    """The tenant's next time of day after `now`, in UTC: no daylight saving."""
    digest = hashlib.sha256(str(tenant_id).encode()).digest()
    offset = timedelta(seconds=int.from_bytes(digest[:4], "big") % 86400)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + offset
    return moment if moment > now else moment + _DAY
