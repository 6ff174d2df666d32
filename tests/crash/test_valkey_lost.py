"""The Valkey of broker and limiter dies, or forgets all, in the middle of a run.

Nothing goes through unlimited meanwhile, and with beat's next round the run goes on.
"""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from config.broker import broker_url
from config.celery import app
from sync import tasks
from sync.engine.run.requesting import request_run
from sync.models import SyncRun
from tests.support.factories import make_tenant
from tests.support.network.servers import make_certificate
from tests.support.network.valkey import own_valkey, tls_in_front
from tests.support.worker import starting_worker

PURCHASES = 14
A_SECOND = 4
LONGEST_RUN = 90  # seconds
SETTINGS = {
    "LEASE_SECONDS": "4",
    "HTTP_TIMEOUT": "1.9",
    "CMIC_CALLS_PER_SECOND": str(A_SECOND),
}


@pytest.fixture
def valkey(tmp_path):
    with own_valkey(tmp_path) as server:
        yield server


@pytest.fixture
def run(transactional_db, pex, cmic):
    for _ in range(PURCHASES):
        pex.add_purchase(amount=Decimal("5.00"))
    run, _ = request_run(make_tenant(pex.url, cmic.url), SyncRun.Trigger.MANUAL)
    return run


def send(valkey, task, *arguments):
    with app.connection_for_write(broker_url(valkey.url)) as broker:
        task.apply_async(arguments, queue="manual", connection=broker)


def wait_for_invoices(cmic, count):
    deadline = time.monotonic() + LONGEST_RUN
    while len(cmic.invoices()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def finish(run, valkey):
    """Beat's rounds, until the run has ended."""
    deadline = time.monotonic() + LONGEST_RUN
    while run.is_active:
        assert time.monotonic() < deadline, f"{run} is {run.status}: {run.message}"
        send(valkey, tasks.recover)
        time.sleep(1)
        run.refresh_from_db()


def check_books(run, pex, cmic):
    assert run.status == "succeeded"
    assert len(cmic.invoices()) == PURCHASES
    assert len({invoice.number for invoice in cmic.invoices()}) == PURCHASES
    assert all(pex.markers(each.id) == 1 for each in pex.transactions())


def most_in_a_second(cmic):
    """A little less than one: an answer's thread may be late to start."""
    moments = [call.started for call in cmic.calls]
    return max(
        sum(first <= each < first + 0.8 for each in moments) for first in moments
    )


def test_a_valkey_killed_in_the_middle_of_a_run_stops_all_calls(run, pex, cmic, valkey):
    with starting_worker(REDIS_URL=valkey.url, **SETTINGS):
        send(valkey, tasks.prepare_run, run.pk)
        wait_for_invoices(cmic, 3)
        valkey.kill()
        dead_from = time.monotonic()
        time.sleep(3)
        dead_until = time.monotonic()
        valkey.start()
        assert len(cmic.invoices()) < PURCHASES
        finish(run, valkey)
    late = [
        call.path for call in cmic.calls if dead_from + 0.5 < call.started < dead_until
    ]
    assert late == []
    assert most_in_a_second(cmic) <= A_SECOND
    check_books(run, pex, cmic)


@pytest.mark.parametrize("seconds", [1, 10])
def test_once_valkey_is_back_the_run_goes_on_within_ten_seconds_by_itself(
    run, pex, cmic, valkey, seconds
):
    with starting_worker(REDIS_URL=valkey.url, **SETTINGS | {"LEASE_SECONDS": "240"}):
        send(valkey, tasks.prepare_run, run.pk)
        wait_for_invoices(cmic, 3)
        valkey.kill()
        time.sleep(seconds)
        valkey.start()
        back = time.monotonic()
        wait_for_invoices(cmic, PURCHASES)
    first = min(call.started for call in cmic.calls if call.started > back)
    assert first - back < 10
    assert len({invoice.number for invoice in cmic.invoices()}) == PURCHASES


def test_a_run_goes_over_tls_for_messages_and_limits(run, pex, cmic, valkey, tmp_path):
    certificate = make_certificate(tmp_path, "127.0.0.1")
    with (
        tls_in_front(valkey, certificate) as port,
        starting_worker(
            REDIS_URL=f"rediss://127.0.0.1:{port}/0",
            REDIS_CA_FILE=str(certificate),
            **SETTINGS,
        ),
    ):
        send(valkey, tasks.prepare_run, run.pk)
        wait_for_invoices(cmic, PURCHASES)
        finish(run, valkey)
    check_books(run, pex, cmic)


def test_a_valkey_that_forgets_a_run_lets_twice_the_limit_through_at_most(
    run, pex, cmic, valkey
):
    with starting_worker(REDIS_URL=valkey.url, **SETTINGS):
        send(valkey, tasks.prepare_run, run.pk)
        wait_for_invoices(cmic, 3)
        valkey.forget()
        finish(run, valkey)
    assert most_in_a_second(cmic) <= 2 * A_SECOND
    check_books(run, pex, cmic)
