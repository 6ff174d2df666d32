"""What every benchmark stands on: simulators, a tenant, a worker, a run.

Figures are taken from the simulators' journals, the rows and the operating system,
not from the product's own log.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import redis
from django.conf import settings
from django.db import connection

from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.models import Tenant
from sync import tasks
from sync.engine.run.requesting import request_run
from sync.models import SyncRun
from tests.support.factories import make_tenant
from tests.support.processes import (
    free_port,
    get_json,
    post_json,
    running,
    url,
    wait_for,
)
from tests.support.worker import running_worker

LONGEST_RUN = 600  # seconds


@dataclass(frozen=True)
class Sandbox:
    """Both simulators, addressed by their control doors."""

    pex: str
    cmic: str

    def delay_answers(self, seconds: float) -> None:
        for address in (self.pex, self.cmic):
            post_json(f"{address}/_sim/settings", {"latency": seconds})

    def clear_calls(self) -> None:
        for address in (self.pex, self.cmic):
            post_json(f"{address}/_sim/calls/clear", {})

    def calls(self) -> list[dict]:
        return [*self.pex_calls(), *get_json(f"{self.cmic}/_sim/calls")["calls"]]

    def pex_calls(self) -> list[dict]:
        return get_json(f"{self.pex}/_sim/calls")["calls"]

    def add_purchases(self, count: int, *, receipts: list[str] | None = None) -> None:
        for number in range(count):
            post_json(
                f"{self.pex}/_sim/purchase",
                {"amount": f"{10 + number}.00", "receipts": receipts or []},
            )


@contextmanager
def sandbox(
    *, pex_module: str = "tests.simulators.pex", purchases: int = 0
) -> Iterator[Sandbox]:
    ports = free_port(0), free_port(0)
    with (
        running(pex_module, "--port", str(ports[0]), "--purchases", str(purchases)),
        running("tests.simulators.cmic", "--port", str(ports[1])),
    ):
        pex, cmic = url(ports[0]), url(ports[1])
        wait_for(f"{pex}/_sim/clock")
        wait_for(f"{cmic}/_sim/clock")
        yield Sandbox(pex, cmic)


def fresh_tenant(stage: Sandbox) -> Tenant:
    """A tenant with codes already read, and nothing else in tables and queues."""
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE connector_tenant CASCADE")
    tenant = make_tenant(stage.pex, f"{stage.cmic}/cmictest")
    refresh_all(tenant, cmic_client(tenant))
    return tenant


@contextmanager
def worker(lanes: int, **extra: str) -> Iterator[psutil.Process]:
    """One worker process with as many threads as lanes."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.benchmarks.settings",
        "SYNC_LANES": str(lanes),
        "PYTHONWARNINGS": "ignore",
        **extra,
    }
    with running_worker(concurrency=max(2, lanes), **environment) as pid:
        yield psutil.Process(pid)


def run_to_end(tenant: Tenant) -> SyncRun:
    """Execute as a person would, and wait."""
    run, step = request_run(tenant, SyncRun.Trigger.MANUAL)
    tasks.send_on_commit(step)
    deadline = time.monotonic() + LONGEST_RUN
    while run.is_active:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{run} does not end: {run.status} {run.message}")
        time.sleep(0.05)
        run.refresh_from_db()
    if run.status != SyncRun.State.SUCCEEDED:
        raise RuntimeError(f"{run} ended {run.status}: {run.message}")
    return run


def sending_seconds(run: SyncRun) -> float:
    """From the first lane to the end."""
    if run.ended_at is None or run.prepared_at is None:
        raise RuntimeError(f"{run} has not ended.")
    return (run.ended_at - run.prepared_at).total_seconds()


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def peak_megabytes(process: psutil.Process) -> float:
    """The most memory that the process ever held."""
    with open(f"/proc/{process.pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
