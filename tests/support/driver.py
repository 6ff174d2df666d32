"""Takes a run from request to end in this process, step by step, without a broker."""

from __future__ import annotations

import time
from collections import deque
from datetime import timedelta
from typing import Any

from connector import clock
from connector.models import Tenant, TransactionSettings
from sync.engine.run.lanes import sync_next
from sync.engine.run.preparing import prepare
from sync.engine.run.requesting import request_run
from sync.engine.steps import Step
from sync.models import PurchaseSync, SyncRun
from tests.simulators.cmic import CmicSimulator
from tests.simulators.pex import PexSimulator
from tests.simulators.simulator import Call

LISTING = "AllCardholderTransactions"
_MOST_STEPS = 100_000


def execute(tenant: Tenant, *, trigger: str = SyncRun.Trigger.MANUAL) -> SyncRun:
    """A run of the tenant, driven until it ends or waits for longer than a second."""
    tenant = Tenant.objects.get(pk=tenant.pk)
    run, step = request_run(tenant, trigger)
    drive([step])
    run.refresh_from_db()
    return run


def prepared(tenant: Tenant) -> tuple[SyncRun, list[Step]]:
    """A run of the tenant whose lanes are to begin, and their steps."""
    run, step = request_run(Tenant.objects.get(pk=tenant.pk), SyncRun.Trigger.MANUAL)
    lanes = prepare(step.run_id)
    run.refresh_from_db()
    return run, lanes


def drive(steps: list[Step]) -> None:
    """Do what Celery would: each step, and what follows from it."""
    waiting = deque(steps)
    for _ in range(_MOST_STEPS):
        if not waiting:
            return
        step = waiting.popleft()
        if step.delay > 1:
            continue
        time.sleep(step.delay)
        if step.lane_set is None:
            waiting.extend(prepare(step.run_id))
        else:
            waiting.extend(sync_next(step.run_id, step.lane_set, step.beat))
    raise AssertionError("The run does not come to an end.")


def time_passes(**delta: float) -> None:
    """As if the runs had waited so long: what they judged by is older by that."""
    moment = clock.now() - timedelta(**delta)
    PurchaseSync.objects.exclude(judged_at=None).update(judged_at=moment)
    SyncRun.objects.active().update(judged_at=moment)


def listings(pex: PexSimulator) -> list[Call]:
    """How often PEX's list was asked, which it answers ten times an hour."""
    return [call for call in pex.calls if call.path.endswith(LISTING)]


def job_of(cmic: CmicSimulator, transaction_id: int) -> str:
    """The job of the first line of the purchase's one invoice."""
    (invoice,) = cmic.invoices(number_of(transaction_id))
    return str(invoice.lines[0]["Aprid_Jobdepteqp_Code"])


def set_up(tenant: Tenant, **settings: Any) -> None:
    """Change some of the tenant's transaction settings."""
    TransactionSettings.objects.filter(tenant=tenant).update(**settings)


def number_of(transaction_id: int) -> str:
    return f"PEX-{transaction_id}"


def row_of(transaction_id: int) -> PurchaseSync:
    return PurchaseSync.objects.get(pex_transaction_id=transaction_id)


def codes_of(transaction_id: int) -> set[str]:
    """The reason codes of a purchase."""
    return {reason["code"] for reason in row_of(transaction_id).reasons}
