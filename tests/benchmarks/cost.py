"""What a purchase costs the worker: processor time and database statements."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from sync.engine.run.preparing import prepare
from sync.engine.run.requesting import request_run
from sync.models import SyncRun
from tests.benchmarks.stage import (
    cpu_seconds,
    fresh_tenant,
    run_to_end,
    sandbox,
    worker,
)
from tests.support.driver import drive


def cost(counts: tuple[int, ...] = (50, 200, 800)) -> list[dict]:
    """The statements are those of the lanes, without preparing the run."""
    figures = []
    for count in counts:
        with sandbox() as stage:
            tenant = fresh_tenant(stage)
            stage.add_purchases(count)
            _, step = request_run(tenant, SyncRun.Trigger.MANUAL)
            lanes = prepare(step.run_id)
            with CaptureQueriesContext(connection) as statements:
                drive(lanes[:1])
        with sandbox() as stage:
            tenant = fresh_tenant(stage)
            stage.add_purchases(count)
            with worker(4) as process:
                before = cpu_seconds(process)
                run_to_end(tenant)
                spent = cpu_seconds(process) - before
        figures.append(
            {
                "purchases": count,
                "statements_per_purchase": round(len(statements) / count, 1),
                "cpu_ms_per_purchase": round(spent / count * 1000, 1),
            }
        )
    return figures
