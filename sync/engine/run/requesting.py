"""Asks for a run: which days it would cover, and whether it may begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from connector import clock
from connector.api.exceptions import SettingsIncompleteError
from connector.models import Tenant
from sync.engine.judging.rules import require_complete
from sync.engine.steps import Step
from sync.models import SyncRun
from sync.rules.window import Window, resolve_window


@dataclass
class RunRefusedError(Exception):
    """No run was started; `active` is the one that is in the way, if there is one."""

    message: str
    active: SyncRun | None = None

    def __str__(self) -> str:
        return self.message


def window_for(tenant: Tenant, trigger: str, now: datetime) -> Window:
    """The days that a run of this trigger covers if it starts at `now` (F15)."""
    chosen = tenant.transactions
    return resolve_window(
        start=chosen.start_date,
        end=chosen.end_date,
        now=now,
        is_automatic=trigger == SyncRun.Trigger.AUTO,
    )


def request_run(
    tenant: Tenant, trigger: str, *, user: User | None = None
) -> tuple[SyncRun, Step]:
    """A queued run and the step that starts it, to be sent once it is committed.

    Raises `RunRefusedError` when another run of the tenant is active or settings are
    missing.
    """
    try:
        require_complete(tenant)
    except SettingsIncompleteError as error:
        raise RunRefusedError(error.message) from error
    window = window_for(tenant, trigger, clock.now())
    try:
        with transaction.atomic():
            run = SyncRun.objects.create(
                tenant=tenant,
                trigger=trigger,
                started_by=user,
                window_from=window.first,
                window_to=window.last,
            )
    except IntegrityError:
        active = SyncRun.objects.active().filter(tenant=tenant).first()
        if active is None:
            raise
        raise RunRefusedError(
            f"Run {active.pk} of {tenant} is still {active.get_status_display()}. "
            "Wait until it has ended.",
            active,
        ) from None
    return run, Step(run.pk, run.queue)
