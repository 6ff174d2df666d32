"""Purchases a second, beside an ideal thread pool and the sequential pattern."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from time import perf_counter

from django.utils import timezone

from connector.api.cmic.flysheets import Layout, payload
from connector.api.cmic.types import Invoice, InvoiceLine, LineType, Location
from connector.connections.clients import cmic_client, pex_client
from sync.receipts.default_page import no_attachment
from tests.benchmarks.stage import (
    fresh_tenant,
    run_to_end,
    sandbox,
    sending_seconds,
    worker,
)


def throughput(
    latencies: tuple[float, ...] = (0.0, 0.02, 0.1),
    lanes: tuple[int, ...] = (4, 16, 32),
) -> list[dict]:
    """With the limits off. Each ratio compares figures of the same few minutes."""
    figures = []
    for latency in latencies:
        sequential = _pool(latency, 1, 40)
        for width in lanes:
            count = max(120, 20 * width)
            ideal = _pool(latency, width, count)
            ours = _ours(latency, width, count)
            figures.append(
                {
                    "latency_ms": round(latency * 1000),
                    "lanes": width,
                    "per_second": round(ours, 1),
                    "ideal_per_second": round(ideal, 1),
                    "of_ideal": round(ours / ideal, 2),
                    "times_sequential": round(ours / sequential, 1),
                }
            )
    return figures


def _ours(latency: float, width: int, count: int) -> float:
    with sandbox() as stage:
        tenant = fresh_tenant(stage)
        stage.add_purchases(count)
        stage.delay_answers(latency)
        with worker(width):
            run = run_to_end(tenant)
    return count / sending_seconds(run)


def _pool(latency: float, width: int, count: int) -> float:
    """Purchases a second of a pool that makes the same two calls and does no more."""
    with sandbox() as stage:
        tenant = fresh_tenant(stage)
        stage.add_purchases(count)
        today = timezone.now().date()
        listed = pex_client(tenant).list_purchases(today - timedelta(days=14), today)
        stage.delay_answers(latency)
        document = no_attachment(stem="x", details=[("Amount", "1.00")])
        location = Location(
            tenant.transactions.source_uuid, tenant.transactions.document_type_uuid
        )
        cmic, pex = cmic_client(tenant), pex_client(tenant)

        def send(transaction_id: int) -> None:
            body = payload(_invoice(transaction_id), Layout(), location)
            cmic.upload_invoice(body, document)
            pex.add_note(transaction_id, "Synced with CMiC")

        started = perf_counter()
        with ThreadPoolExecutor(width) as pool:
            list(pool.map(send, [each.transaction_id for each in listed.purchases]))
        return count / (perf_counter() - started)


def _invoice(transaction_id: int) -> Invoice:
    amount = Decimal("10.00")
    line = InvoiceLine(LineType.JOB, ("017401", "02.100", "4000"), amount)
    return Invoice(
        company="001",
        vendor="PEX01",
        group="PEX",
        number=f"PEX-{transaction_id}",
        on=date(2026, 3, 31),
        currency="USD",
        description="Hardware store",
        valid_flag="Y",
        amount=amount,
        lines=(line,),
    )
