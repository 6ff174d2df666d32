"""What it costs to keep a tag's options as CMiC has them, for great contractors.

A simulated PEX, a PostgreSQL with the codes as a reading leaves them, and for each size
a process that does what a worker does. Limits of calls are off.
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
from tests.support.processes import (
    ROOT,
    free_port,
    get_json,
    post_json,
    running,
    url,
    wait_for,
)

SIZES = (20_000, 100_000)
_VAR = ROOT / "var" / "tag-options"
_JOBS = """
INSERT INTO connector_cmiccode (tenant_id, seen_at, kind, company, grandparent, parent,
  code, name, currency, status, is_active)
SELECT %(tenant)s, now(), 'job', '001', '', '', 'X' || to_char(number, 'FM000000'),
  'Large job ' || number || ' of a great contractor', '', 'I', true
FROM generate_series(1, %(count)s) AS number"""
_RENAME = """
UPDATE connector_cmiccode SET name = name || ' (phase 2)'
WHERE kind = 'job' AND right(code, 2) = '00'"""


def tag_options() -> list[dict[str, Any]]:
    """A row for each size: all options new, none changed, 1 % renamed.

    `cpu_seconds` are the process's own, without PostgreSQL's and PEX's; `comparing` is
    the part of them that finds the difference; `peak_mb` is the largest memory of the
    process so far, `idle_mb` what it had before.
    """
    try:
        return [row for size in SIZES for row in _measure_apart(size)]
    finally:
        shutil.rmtree(_VAR, ignore_errors=True)


def _measure_apart(size: int) -> list[dict[str, Any]]:
    port = free_port(9113)
    with running("tests.simulators.pex", "--port", str(port), "--purchases", "0"):
        wait_for(f"{url(port)}/_sim/clock")
        done = subprocess.run(
            [sys.executable, "-m", __name__, url(port), str(size)],
            cwd=ROOT,
            env=_environment(),
            stdout=subprocess.PIPE,
            check=True,
        )
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


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
        "PEX_CALLS_PER_MINUTE": "0",
        "LOG_LEVEL": "WARNING",
    }


def _measure(pex_url: str, size: int) -> list[dict[str, Any]]:
    """In a process that has loaded what a worker has."""
    import django

    embedded.start_if_needed()
    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    import sync.tasks  # noqa: F401
    from connector.models import CodeRefresh, Tenant
    from sync.engine.judging.context import TenantContext
    from sync.engine.tags import planning
    from sync.engine.tags.sync import sync_tags
    from tests.support.factories import make_tenant

    call_command("migrate", verbosity=0)
    Tenant.objects.all().delete()
    tenant = make_tenant(pex_url)
    tenant.mappings.filter(field="job_dept_eqp").update(sync_options=True)
    CodeRefresh.objects.create(
        tenant=tenant, kind="job", company="001", refreshed_at=timezone.now(), count=1
    )
    with connection.cursor() as cursor:
        cursor.execute(_JOBS, {"tenant": tenant.pk, "count": size})
        cursor.execute("ANALYZE connector_cmiccode")
    comparing = _count_comparing(planning)
    idle = _peak_mb()
    rows = []
    for case in ("all new", "none changed", "1 % renamed"):
        if case == "1 % renamed":
            with connection.cursor() as cursor:
                cursor.execute(_RENAME)
        comparing.clear()
        post_json(f"{pex_url}/_sim/calls/clear", {})
        started, worked = time.monotonic(), time.process_time()
        (done,) = sync_tags(TenantContext(Tenant.objects.get(pk=tenant.pk)))
        rows.append(
            {
                "options": size,
                "case": case,
                "seconds": round(time.monotonic() - started, 2),
                "cpu_seconds": round(time.process_time() - worked, 2),
                "comparing": round(sum(comparing), 2),
                "idle_mb": idle,
                "peak_mb": _peak_mb(),
                "calls": _calls(pex_url),
                "outcome": done.message,
            }
        )
    return rows


def _count_comparing(module: Any) -> list[float]:
    """The processor seconds of each comparison from now on."""
    seconds: list[float] = []
    plan_options = module.plan_options

    def timed(*args: Any, **options: Any) -> Any:
        started = time.process_time()
        try:
            return plan_options(*args, **options)
        finally:
            seconds.append(time.process_time() - started)

    module.plan_options = timed
    return seconds


def _calls(pex_url: str) -> str:
    methods = [call["method"] for call in get_json(f"{pex_url}/_sim/calls")["calls"]]
    return " ".join(methods)


def _peak_mb() -> int:
    status = Path("/proc/self/status").read_text()
    (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) // 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
