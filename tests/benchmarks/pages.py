"""What the dashboard, the causes and the lists cost above a long history.

Run as a program: `python -m tests.benchmarks.pages TENANTS PURCHASES`. Builds the rows
by set-based SQL in a database of its own, which it removes again; five million need
some minutes and about 10 GB.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.settings"

import django

from config import embedded

_TENANTS = """
INSERT INTO connector_tenant (slug, name, auto_sync, dependent_options, alert_contacts,
    next_auto_sync_at, created_at, updated_at)
SELECT 't' || n, 'Tenant ' || n, true, false, '', now() + n * interval '1 minute',
    now(), now() FROM generate_series(1, %s) n
"""
_SETTINGS = """
INSERT INTO connector_transactionsettings (tenant_id, company_code, source_uuid,
    document_type_uuid, vendor_code, approved_only, attachments_only, invoice_date,
    refunds, after_lost_answer, max_file_bytes)
SELECT id, '001', 'a', 'b', 'PEX01', false, false, 'transaction', 'hold', 'ask',
    10485760
FROM connector_tenant
"""
_CODES = """
INSERT INTO connector_cmiccode (tenant_id, kind, company, grandparent, parent, code,
    name, currency, is_active, seen_at)
SELECT t.id, 'job', '001', '', '', '24-' || lpad(n::text, 4, '0'), 'Job ' || n, '',
    true, now() FROM connector_tenant t, generate_series(1, 100) n
UNION ALL SELECT id, 'company', '', '', '', '001', 'Company', 'USD', true, now()
FROM connector_tenant
"""
_RUNS = """
INSERT INTO sync_syncrun (tenant_id, trigger, status, reason, message, window_from,
    window_to, counts, created_at, started_at, ended_at, fault_count, fault_system,
    lane_set)
SELECT id, 'auto', 'partial', '', '', current_date, current_date,
    '{"seen": 60, "completed": 5, "blocked": 2, "failed": 1, "skipped": 3}',
    now() - d * interval '1 day', now() - d * interval '1 day',
    now() - d * interval '1 day' + interval '1 minute', 0, '', 0
FROM connector_tenant, generate_series(0, 89) d
"""
# One in fifty waits for a person, for one of twenty values; the others were completed
# over two years.
_PURCHASES = """
INSERT INTO sync_purchasesync (tenant_id, run_id, pex_transaction_id, status, reasons,
    needs_person, is_deferred, attempt_count, lookup_count, resend_count, fault_count,
    amount, is_refund, merchant, cardholder, approval, occurred_at, lines, generation,
    invoice_number, company_code, vendor_code, payload_digest, cmic_invoice_uuid,
    cmic_image_id, document_type, document_digest, document_pages, warnings,
    completed_at, created_at, updated_at)
SELECT t.id, t.run, n,
    CASE WHEN n %% 50 = 0 THEN 'blocked' ELSE 'completed' END,
    CASE WHEN n %% 50 = 0 THEN jsonb_build_array(jsonb_build_object(
        'code', 'value_unknown', 'who', 'cardholder', 'field', 'Job/Dept/Eqp.',
        'kind', 'job', 'value', '24-9' || (n / 50) %% 20, 'message',
        'Job: CMiC has no job “24-9' || (n / 50) %% 20 || '” (tag).'))
    ELSE '[]'::jsonb END,
    false, false, 1, 0, 0, 0, n %% 90000 / 100.0 + 1, false,
    'Merchant' || n %% 9000, 'Holder' || n %% 7000, '',
    now() - n * interval '12 seconds',
    jsonb_build_array(jsonb_build_object('type', 'J', 'amount', '1.00', 'codes',
        jsonb_build_array('24-' || n %% 800, '02.100', '4000'), 'sources',
        jsonb_build_array('tag', 'default', 'static'))),
    1, CASE WHEN n %% 50 = 0 THEN '' ELSE 'PEX-' || n END, '001', 'PEX01', '', '',
    '', '', '', '[]', '[]',
    CASE WHEN n %% 50 = 0 THEN NULL ELSE now() - n * interval '12 seconds' END,
    now(), now()
FROM generate_series(%s, %s) n
JOIN (SELECT tenant_id AS id, max(id) AS run, row_number() OVER () - 1 AS place
      FROM sync_syncrun GROUP BY tenant_id) t ON t.place = (n / 7) %% %s
"""
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'sync_purchasesync'
AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""
_BATCH = 500_000
_LIST = "/admin/sync/purchasesync/"
_PAGES = (
    "/admin/",
    f"{_LIST}causes/",
    _LIST,
    f"{_LIST}?p=199",
    f"{_LIST}?tenant__id__exact=1",
    f"{_LIST}?status__exact=blocked",
    f"{_LIST}?status__exact=failed",
    f"{_LIST}?reason=value_unknown",
    f"{_LIST}?job=24-77",
    f"{_LIST}?cardholder=holder77",
    f"{_LIST}?amount_from=77.77&amount_to=77.78",
    f"{_LIST}?q=4711",
    f"{_LIST}?q=PEX-4711",
    f"{_LIST}?q=merchant77",
    f"{_LIST}?o=5",
    "/admin/sync/syncrun/",
    "/admin/connector/tenant/",
)
_TIMES = 5


def _say(**facts: object) -> None:
    sys.stdout.write(f"{json.dumps(facts)}\n")
    sys.stdout.flush()


def _build(tenants: int, purchases: int) -> None:
    from django.db import connection

    begun = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_TENANTS, [tenants])
        for statement in (_SETTINGS, _CODES, _RUNS):
            cursor.execute(statement)
        # Filling an index row by row would take longer than making it.
        cursor.execute(_INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        for first in range(1, purchases + 1, _BATCH):
            last = min(first + _BATCH - 1, purchases)
            cursor.execute(_PURCHASES, [first, last, tenants])
            _say(rows=last, seconds=round(time.monotonic() - begun))
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for name, definition in indexes:
            cursor.execute(definition)
            _say(index=name, seconds=round(time.monotonic() - begun))
        cursor.execute("VACUUM ANALYZE")
        cursor.execute(
            "SELECT pg_size_pretty(pg_relation_size('sync_purchasesync')), "
            "pg_size_pretty(pg_indexes_size('sync_purchasesync'))"
        )
        table, indexes = cursor.fetchone()
    _say(built_seconds=round(time.monotonic() - begun), table=table, indexes=indexes)


def _measure() -> None:
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client()
    client.force_login(User.objects.create_superuser("bench", password="x"))
    for url in _PAGES:
        times = []
        for _ in range(_TIMES + 1):
            begun = time.monotonic()
            assert client.get(url).status_code == 200, url
            times.append(round((time.monotonic() - begun) * 1000))
        with CaptureQueriesContext(connection) as queries:
            client.get(url)
        slowest = max(queries.captured_queries, key=lambda query: float(query["time"]))
        _say(
            url=url,
            median_ms=statistics.median(times[1:]),
            first_ms=times[0],
            queries=len(queries),
            slowest_s=slowest["time"],
            slowest=slowest["sql"][:160],
        )


def main(tenants: int, purchases: int) -> None:
    from django.db import connection
    from django.test.utils import setup_test_environment

    setup_test_environment()
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        _build(tenants, purchases)
        _measure()
    finally:
        connection.creation.destroy_test_db("bench", verbosity=0)


if __name__ == "__main__":
    embedded.start_if_needed()
    django.setup()
    main(int(sys.argv[1]), int(sys.argv[2]))
