"""How long reading a large contractor's codes takes, and what it costs.

A sandbox of its own: simulated CMiC, PostgreSQL and Valkey, and for each size a process
that does what a worker does. Limits of calls are off, so that only work is measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from config import embedded
from tests.support.processes import ROOT, free_port, running, url, wait_for

SIZES = (50_000, 100_000, 250_000, 500_000)
MOST_JOBS = 30_000
_VAR = ROOT / "var" / "code-refresh"


def code_refresh() -> list[dict[str, Any]]:
    """A row for each size, read for the first time and then again with nothing new.

    `rows` are all codes read; `cpu_seconds` are the process's own, without those of
    PostgreSQL; `waiting_share` is the part of `seconds` that went by until CMiC had
    answered; `peak_mb` is the largest memory of the process.
    """
    try:
        return [row for categories in SIZES for row in _measure_apart(categories)]
    finally:
        shutil.rmtree(_VAR, ignore_errors=True)


def _measure_apart(categories: int) -> list[dict[str, Any]]:
    port = free_port(9112)
    jobs = MOST_JOBS * categories // SIZES[-1]
    size = ("--jobs", str(jobs), "--categories", str(categories))
    with running("tests.simulators.cmic", "--port", str(port), *size):
        wait_for(f"{url(port)}/_sim/settings")
        done = subprocess.run(
            [sys.executable, "-m", __name__, f"{url(port)}/cmictest"],
            cwd=ROOT,
            env=_environment(),
            stdout=subprocess.PIPE,
            check=True,
        )
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return [{"jobs": jobs, "categories": categories, **row} for row in rows]


def _environment() -> dict[str, str]:
    given = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "REDIS_URL")
    }
    return {
        **given,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "CONNECTOR_VAR_DIR": str(_VAR),
        "CONNECTOR_ALLOW_LOOPBACK": "1",
        "CMIC_CALLS_PER_SECOND": "0",
        "CMIC_CALLS_IN_FLIGHT": "0",
        "LOG_LEVEL": "WARNING",
    }


def _measure(cmic_url: str) -> list[dict[str, Any]]:
    """In a process that has loaded what a worker has."""
    import django

    embedded.start_if_needed()
    django.setup()
    from django.core.management import call_command

    import sync.tasks  # noqa: F401
    from connector.codes.reading import refresh_all
    from connector.connections.clients import cmic_client
    from connector.models import Tenant
    from tests.support.factories import make_tenant

    call_command("migrate", verbosity=0)
    Tenant.objects.all().delete()
    tenant = make_tenant(cmic_url=cmic_url)
    rows = []
    for reading in ("first", "again"):
        client = cmic_client(tenant)
        waiting = _count_waiting(client)
        started, worked = time.monotonic(), time.process_time()
        counts = refresh_all(tenant, client)
        seconds = time.monotonic() - started
        total = sum(counts.values())
        rows.append(
            {
                "reading": reading,
                "rows": total,
                "seconds": round(seconds, 2),
                "cpu_seconds": round(time.process_time() - worked, 2),
                "waiting_share": round(sum(waiting) / seconds, 3),
                "peak_mb": _peak_mb(),
                "rows_per_second": round(total / seconds),
            }
        )
    return rows


def _count_waiting(client: Any) -> list[float]:
    """The seconds of each call that the client makes from now on."""
    seconds: list[float] = []
    call = client.call

    def timed(*args: Any, **options: Any) -> Any:
        started = time.monotonic()
        try:
            return call(*args, **options)
        finally:
            seconds.append(time.monotonic() - started)

    client.call = timed
    return seconds


def _peak_mb() -> int:
    """Of this program alone; `getrusage` remembers who started it, too."""
    status = Path("/proc/self/status").read_text()
    (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) // 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(sys.argv[1])))
