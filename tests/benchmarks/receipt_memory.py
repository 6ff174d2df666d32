"""What a worker with 16 lanes of 10 MB receipts holds, its children included."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import psutil

from tests.benchmarks.receipts import _jpeg
from tests.benchmarks.stage import (
    Sandbox,
    fresh_tenant,
    peak_megabytes,
    run_to_end,
    worker,
)
from tests.simulators.cmic import CmicSimulator
from tests.simulators.pex import PexSimulator

# As in the Procfile.
_MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1048576"}


def receipt_memory(count: int = 48) -> dict:
    """Pages that processes share count once for each of them."""
    receipt = _jpeg(9_800_000), "Image", "Loaded"
    pex, cmic = PexSimulator.empty(), CmicSimulator()
    with pex.serve() as server, cmic.serve() as other:
        stage = Sandbox(server.url, other.base_url.removesuffix("/cmictest"))
        tenant = fresh_tenant(stage)
        for number in range(count):
            pex.add_purchase(amount=Decimal(10 + number), receipts=[receipt])
        with worker(16, **_MALLOC) as process, _watched(process) as seen:
            run_to_end(tenant)
            own = peak_megabytes(process)
    return {
        "purchases": count,
        "worker_peak_mb": round(own),
        "with_children_peak_mb": round(seen[0]),
    }


@contextmanager
def _watched(process: psutil.Process) -> Iterator[list[float]]:
    seen, is_over = [0.0], threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            total = 0
            for each in (process, *process.children(recursive=True)):
                try:
                    total += each.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            seen[0] = max(seen[0], total / 1e6)
            time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()
