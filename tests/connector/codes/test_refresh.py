"""One process a tenant reads its codes; whoever dies at it harms nothing."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from itertools import islice

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from connector.api.cmic.types import CodeKind
from connector.api.exceptions import ConnectorError, RefreshActiveError
from connector.clock import lease_time
from connector.codes.reading import refresh_all, refresh_requested, refresh_stale
from connector.connections.clients import cmic_client
from connector.models import CmicCode, CodeRefresh, RefreshState, Tenant
from tests.support.database_clock import database_clock
from tests.support.factories import make_tenant
from tests.support.processes import running
from tests.support.worker import environment

CROWD = 6
LEASE = lease_time()


@pytest.fixture
def tenant(transactional_db, pex, cmic):
    return make_tenant(pex.url, cmic.url)


def refresh(tenant_id):
    """As a process of its own would: with its own objects and connection."""
    try:
        tenant = Tenant.objects.get(pk=tenant_id)
        return refresh_all(tenant, cmic_client(tenant))
    except ConnectorError as error:
        return error
    finally:
        connection.close()


@contextmanager
def held_at_listing(tenant, cmic):
    """Somebody who refreshes and whose first call CMiC does not answer yet."""
    cmic.hold("listing")
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(refresh, tenant.pk)
        cmic.wait_until_held("listing")
        try:
            yield outcome
        finally:
            cmic.release()


def state_of(tenant):
    return RefreshState.objects.get(tenant=tenant)


def rows():
    return sorted(CmicCode.objects.values_list("kind", "pk", "name", "is_active"))


def make_older(days=2):
    CodeRefresh.objects.update(refreshed_at=timezone.now() - timedelta(days=days))


def expire_lease():
    RefreshState.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))


def test_of_many_at_the_same_moment_one_reads(tenant, cmic):
    barrier = threading.Barrier(CROWD)

    def begin(_):
        barrier.wait()
        return refresh(tenant.pk)

    cmic.hold("listing")
    with ThreadPoolExecutor(CROWD) as pool:
        outcomes = [pool.submit(begin, number) for number in range(CROWD)]
        cmic.wait_until_held("listing")
        refused = [each.result() for each in islice(as_completed(outcomes), CROWD - 1)]
        cmic.release()
    assert [type(error) for error in refused] == [RefreshActiveError] * (CROWD - 1)
    lists = [call.path for call in cmic.calls]
    assert len(lists) == len(set(lists)) == 12


def test_how_far_it_is_can_be_seen_meanwhile(tenant, cmic):
    cmic.hold("listing", times=20)
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(refresh, tenant.pk)
        cmic.wait_until_held("listing")
        state = state_of(tenant)
        assert (state.kind, state.rows) == ("company", 0)
        assert state.is_active(timezone.now())
        cmic.release()
        counts = outcome.result()
    state = state_of(tenant)
    assert (state.kind, state.rows) == ("", counts["document_type"])
    assert (state.is_ok, state.message) == (True, "")
    assert state.refreshed_at == state.started_at
    assert not state.is_active(timezone.now())


def test_rows_are_counted_page_by_page(tenant, cmic, monkeypatch):
    monkeypatch.setattr("connector.api.cmic.client.PAGE_SIZE", 10)
    seen = []
    figures = RefreshState.objects.filter(kind="job").values_list("rows", flat=True)
    refresh_stale(
        tenant,
        cmic_client(tenant),
        (CodeKind.JOB,),
        lambda: seen.extend(figures.all()),
    )
    # Each page begins with the last row of the one before.
    assert seen == [0, 10, 19, 25, 25]


def test_who_died_is_followed_by_another_once_its_lease_is_over(tenant, cmic):
    state = RefreshState.objects.claim(tenant, timezone.now())
    with pytest.raises(RefreshActiveError):
        refresh_all(tenant, cmic_client(tenant))
    assert cmic.calls == []
    with database_clock(timezone.now() + LEASE):
        assert refresh_all(tenant, cmic_client(tenant))["job"] == 25
        with pytest.raises(RefreshActiveError):
            state.report("job", 1, timezone.now())


def test_who_was_taken_for_dead_changes_nothing_any_more(tenant, cmic):
    with held_at_listing(tenant, cmic) as outcome:
        expire_lease()
        assert refresh(tenant.pk)["job"] == 25
        cmic.remove_code("job", "24.018")
        before, state = rows(), state_of(tenant)
        cmic.release()
        assert isinstance(outcome.result(), RefreshActiveError)
    assert rows() == before
    assert state_of(tenant).ended_at == state.ended_at


def test_a_lease_that_is_lost_before_the_last_step_undoes_the_list(
    tenant, cmic, monkeypatch
):
    report = RefreshState.report

    def report_late(state, kind, rows, now):
        """Everything is in the table, and somebody takes over before the commit."""
        if CmicCode.objects.filter(kind="vendor").exists():
            RefreshState.objects.update(claimed_by=None)
        report(state, kind, rows, now)

    monkeypatch.setattr(RefreshState, "report", report_late)
    with pytest.raises(RefreshActiveError):
        refresh_stale(tenant, cmic_client(tenant), (CodeKind.VENDOR,))
    assert not CmicCode.objects.exists()
    assert not CodeRefresh.objects.exists()


def test_a_process_killed_while_it_reads_leaves_the_old_codes_whole(tenant, cmic):
    refresh(tenant.pk)
    before = rows()
    cmic.remove_code("vendor", "FERG01")
    cmic.hold("listing")
    with running("manage", "refresh_codes", "acme", env=environment()) as process:
        cmic.wait_until_held("listing", timeout=30)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    cmic.release()
    assert rows() == before
    with database_clock(timezone.now() + LEASE):
        assert refresh(tenant.pk)["vendor"] == 11


def test_a_database_that_breaks_while_it_reads_leaves_the_old_codes_whole(
    tenant, cmic, monkeypatch
):
    refresh(tenant.pk)
    before = rows()
    cmic.remove_code("vendor", "FERG01")
    with held_at_listing(tenant, cmic) as outcome:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        cmic.release()
        with pytest.raises(Exception, match=r"terminat|closed|lost"):
            outcome.result()
    assert rows() == before
    expire_lease()
    assert refresh(tenant.pk)["vendor"] == 11


def test_the_command_waits_for_whoever_is_at_it_and_reads_then(
    tenant, cmic, monkeypatch
):
    monkeypatch.setattr(
        "connector.management.commands.refresh_codes.time.sleep",
        lambda seconds: expire_lease(),
    )
    RefreshState.objects.claim(tenant, timezone.now())
    said = StringIO()
    call_command("refresh_codes", "acme", "--json", stdout=StringIO(), stderr=said)
    assert "read by another process" in said.getvalue()
    assert CodeRefresh.objects.filter(kind="job").exists()


def test_older_codes_are_good_enough_while_another_reads_them(tenant, cmic):
    refresh(tenant.pk)
    make_older()
    with held_at_listing(tenant, cmic):
        (sentence,) = refresh_stale(tenant, cmic_client(tenant), (CodeKind.JOB,))
    assert "read before were used" in sentence


def test_codes_that_were_never_read_are_waited_for(tenant, cmic):
    with held_at_listing(tenant, cmic), pytest.raises(RefreshActiveError) as raised:
        refresh_stale(tenant, cmic_client(tenant), (CodeKind.JOB,))
    assert raised.value.retry_after


class TestRequest:
    def ask(self, tenant):
        return RefreshState.objects.request(tenant, timezone.now())

    def test_it_is_met_once_however_often_the_message_comes(self, tenant, cmic):
        assert self.ask(tenant)
        assert not self.ask(tenant)
        refresh_requested(tenant.pk)
        calls = len(cmic.calls)
        assert calls == 12
        assert state_of(tenant).requested_at is None
        refresh_requested(tenant.pk)
        assert len(cmic.calls) == calls

    def test_it_is_not_needed_while_somebody_reads_everything(self, tenant):
        RefreshState.objects.claim(tenant, timezone.now(), is_whole=True)
        assert not self.ask(tenant)

    def test_it_waits_for_somebody_who_reads_some_lists(self, tenant, cmic):
        state = RefreshState.objects.claim(tenant, timezone.now())
        assert self.ask(tenant)
        refresh_requested(tenant.pk)
        assert cmic.calls == []
        state.end(timezone.now(), is_ok=True, message="")
        refresh_requested(tenant.pk)
        assert state_of(tenant).refreshed_at

    def test_it_outlives_whoever_died_at_it(self, tenant):
        self.ask(tenant)
        RefreshState.objects.claim(tenant, timezone.now())
        assert state_of(tenant).requested_at is not None

    def test_it_is_not_met_by_reading_some_of_the_lists(self, tenant, cmic):
        self.ask(tenant)
        refresh_stale(tenant, cmic_client(tenant), (CodeKind.JOB,))
        state = state_of(tenant)
        assert state.requested_at is not None
        assert state.refreshed_at is None

    def test_what_cmic_refuses_is_on_record(self, tenant, cmic):
        self.ask(tenant)
        cmic.faults.set("unauthorised")
        refresh_requested(tenant.pk)
        state = state_of(tenant)
        assert (state.is_ok, state.requested_at) == (False, None)
        assert "401" in state.message
        assert state.refreshed_at is None

    def test_lists_that_may_not_be_seen_are_named(self, tenant, cmic):
        self.ask(tenant)
        cmic.faults.set("forbidden", module="em")
        refresh_requested(tenant.pk)
        state = state_of(tenant)
        assert state.is_ok
        assert "equipment list" in state.message
        assert "transaction code list" in state.message

    def test_missing_settings_are_on_record(self, tenant):
        self.ask(tenant)
        tenant.transactions.delete()
        refresh_requested(tenant.pk)
        assert state_of(tenant).message == "The transaction settings are missing."

    def test_a_fault_of_our_own_is_on_record_and_raised(self, tenant, monkeypatch):
        self.ask(tenant)
        monkeypatch.setattr("connector.codes.reading.cmic_client", lambda tenant: None)
        with pytest.raises(AttributeError):
            refresh_requested(tenant.pk)
        assert "connector itself failed" in state_of(tenant).message

    def test_a_tenant_that_is_gone_is_no_fault(self, db):
        refresh_requested(4711)
