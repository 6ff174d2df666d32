"""What a worker with 16 lanes of 10 MB receipts holds, its children included."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.benchmarks.receipts import _jpeg
from tests.benchmarks.stage import (
    fresh_tenant,
    peak_megabytes,
    run_to_end,
    sandbox,
    worker,
)
from tests.processes import post_json


def receipt_memory(count: int = 48) -> dict:
    """Pages that processes share count once for each of them."""
    content = base64.b64encode(_jpeg(9_800_000)).decode()
    with sandbox() as stage:
        tenant = fresh_tenant(stage)
        for number in range(count):
            post_json(
                f"{stage.pex}/_sim/purchase",
                {
                    "amount": f"{10 + number}.00",
                    "receipts": [[content, "Image", "Loaded"]],
                },
            )
        stage.delay_answers(0.1)
        with worker(16) as process, _watched(process) as seen:
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
