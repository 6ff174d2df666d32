"""One run from request to its lanes, and its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    transaction,
)
from django.db.models import Min
from django.utils import timezone

from connector.api.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    ConnectorError,
    NotFoundError,
    RateLimitError,
    SettingsIncompleteError,
)
from connector.connections.clients import cmic_client
from connector.connections.probing import remember_refusal
from connector.models import Tenant
from sync.engine.judging.rules import require_complete
from sync.engine.judging.survey import Survey, survey
from sync.engine.run.counts import count_outcomes
from sync.engine.run.outages import require_answer
from sync.engine.steps import Step
from sync.engine.tags.sync import sync_before_purchases
from sync.models import PurchaseSync, RunLostError, Status, SyncRun
from sync.models.ledger import (
    adopt,
    forget_authorizations,
    record,
    take_over_unfinished,
)
from sync.rules.window import Window, resolve_window

logger = logging.getLogger(__name__)

PAUSE = timedelta(minutes=1)
LONGEST_OUTAGE = timedelta(hours=1)
# Its lanes may be replaced between two lines; hardly ever so often.
_STOP_TRIES = 5


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
    window = window_for(tenant, trigger, timezone.now())
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


def prepare(run_id: int) -> list[Step]:
    """List, judge, adopt; the steps that start the run's lanes.

    Harmless to repeat: of two messages one prepares, and a run that died while
    preparing is prepared anew.
    """
    run = SyncRun.objects.filter(pk=run_id).first()
    if run is None or not run.start_preparing(timezone.now()):
        return []
    return guarded(run, lambda: _prepare(run))


def _prepare(run: SyncRun) -> list[Step]:
    require_complete(run.tenant)
    if run.paused_at is not None:
        require_answer(run, run.fault_system)
    said = sync_before_purchases(run, lambda: run.beat(timezone.now()))
    seen = survey(run.tenant, run.window, lambda: run.beat(timezone.now()))
    record(run, seen.judgements, seen.cardholders, seen.listed_at)
    with transaction.atomic():
        run.beat(timezone.now())
        forget_authorizations(run, seen.judgements)
        take_over_unfinished(run)
    remarks = [*said, *seen.remarks, *_adopt(run, seen)]
    run.note_success()
    run.finish_preparing(timezone.now(), " ".join(remarks))
    return start_lanes(run)


def _adopt(run: SyncRun, seen: Survey) -> list[str]:
    """Take over what CMiC has and our records do not know (F21).

    Only for the dates of what is about to be sent; nothing to send, nothing to ask.
    """
    candidates = PurchaseSync.objects.filter(run=run, status=Status.PENDING)
    # Whichever of its days an earlier sync took for the invoice's.
    days = candidates.aggregate(
        Min("invoice_on"), Min("occurred_at__date"), Min("settled_at__date")
    ).values()
    earliest = min((day for day in days if day is not None), default=None)
    if earliest is None:
        return []
    chosen = run.tenant.transactions
    try:
        found = {
            invoice.number: invoice
            for invoice in cmic_client(run.tenant).iter_invoices(
                chosen.company_code, chosen.vendor_code, earliest - timedelta(days=1)
            )
        }
    except (AccessDeniedError, NotFoundError) as error:
        return [
            "CMiC does not show its invoices, so those that an older connector sent "
            f"cannot be recognised: {error.message}"
        ]
    with transaction.atomic():
        run.beat(timezone.now())
        count = adopt(run, found)
    return [f"{count} invoices were in CMiC already."] if count else []


def start_lanes(run: SyncRun) -> list[Step]:
    """As many lanes as there is work for; with no work the run ends.

    After an outage one lane goes first: a dead host is not asked four times a minute.
    """
    unfinished = PurchaseSync.objects.filter(run=run).unfinished().count()
    if not unfinished:
        end(run)
        return []
    lane_set = run.new_lanes(timezone.now())
    lanes = 1 if run.paused_at else min(settings.SYNC_LANES, unfinished)
    return [Step(run.pk, run.queue, lane_set)] * lanes


def go_on(run: SyncRun) -> list[Step]:
    """A call has succeeded; after an outage, the steps of the lanes that waited."""
    was_paused = run.paused_at is not None
    run.note_success()
    if not was_paused:
        return []
    return [Step(run.pk, run.queue, run.lane_set)] * (settings.SYNC_LANES - 1)


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
    return run.end(state, timezone.now(), counts=counts, reason=reason, message=message)


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


def pause(run: SyncRun, error: ConnectorError) -> None:
    """An outage: the run waits and tries again, for an hour at the most (F26)."""
    now = timezone.now()
    if run.paused_at is not None and now - run.paused_at > LONGEST_OUTAGE:
        said = f"{error.message} It was tried for an hour."
        end(run, SyncRun.State.FAILED, said, SyncRun.Reason.OUTAGE)
        return
    run.pause(now, error.message, now + PAUSE, error.system)


def guarded(run: SyncRun, work: Callable[[], list[Step]]) -> list[Step]:
    """Do a part of a run; whatever goes wrong leaves a readable row."""
    try:
        return work()
    except RunLostError as error:
        logger.info("%s", error)
    except SettingsIncompleteError as error:
        end(run, SyncRun.State.FAILED, error.message)
    except (AuthenticationError, AccessDeniedError) as error:
        remember_refusal(run.tenant, error, run.started_at)
        end(
            run, SyncRun.State.FAILED, error.message, SyncRun.Reason.CREDENTIALS_REFUSED
        )
    except RateLimitError as error:
        wait = timedelta(seconds=error.retry_after or PAUSE.total_seconds())
        run.wait_for_limit(timezone.now(), error.message, timezone.now() + wait)
    except ConnectorError as error:
        pause(run, error)
    except ImproperlyConfigured as error:
        end(run, SyncRun.State.FAILED, str(error))
    except (OperationalError, InterfaceError):
        # Nothing can be put on record now; `recover` takes the run up again.
        raise
    except Exception:
        logger.exception("Run %s ended by a fault of the connector itself", run.pk)
        said = "The connector itself failed; the log of the worker says where."
        end(run, SyncRun.State.FAILED, said)
        raise
    return []
