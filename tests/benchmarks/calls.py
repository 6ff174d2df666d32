"""Calls per purchase, and what a window in which all is known costs."""

from __future__ import annotations

import time

from tests.benchmarks.stage import (
    cpu_seconds,
    fresh_tenant,
    peak_megabytes,
    run_to_end,
    sandbox,
    worker,
)

# The vendor's pattern: everything one after the other, upload and note, and before
# them a receipt's list and download. Nothing less brings invoice, receipt and marker
# there either.
_VENDOR = {"none": 2, "one": 4}


def calls_per_purchase(count: int = 50) -> list[dict]:
    """All calls of a run over its purchases, and those that grow with them."""
    figures = []
    for receipts, names in (("none", []), ("one", ["png"])):
        with sandbox() as stage:
            tenant = fresh_tenant(stage)
            stage.add_purchases(count, receipts=names)
            stage.clear_calls()
            with worker(4):
                run_to_end(tenant)
            calls = stage.calls()
        growing = [
            call
            for call in calls
            if call["method"] == "POST" or "/attachment" in call["path"].casefold()
        ]
        figures.append(
            {
                "receipts": receipts,
                "calls_per_purchase": len(growing) / count,
                "vendor_pattern": _VENDOR[receipts],
                "least_possible": _VENDOR[receipts],
                "other_calls_of_the_run": len(calls) - len(growing),
            }
        )
    return figures


def idle_run(counts: tuple[int, ...] = (1_000, 10_000, 30_000)) -> list[dict]:
    """The second run over purchases that were all known after the first."""
    figures = []
    for count in counts:
        module = "tests.benchmarks.known_pex"
        with sandbox(pex_module=module, purchases=count) as stage:
            tenant = fresh_tenant(stage)
            with worker(4) as process:
                run_to_end(tenant)
                stage.clear_calls()
                before = cpu_seconds(process)
                started = time.perf_counter()
                run = run_to_end(tenant)
                figures.append(
                    {
                        "purchases": run.counts["seen"],
                        "calls": len(stage.calls()),
                        "seconds": round(time.perf_counter() - started, 2),
                        "cpu_seconds": round(cpu_seconds(process) - before, 2),
                        "peak_mb": round(peak_megabytes(process)),
                    }
                )
    return figures
