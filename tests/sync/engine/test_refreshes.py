"""When codes are read: daily by beat, on the button, and before a run needs them."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from connector import clock
from connector.codes.reading import refresh_requested
from connector.models import CmicCode, CodeRefresh, RefreshState, Tenant
from connector.transfer.importing import import_tenant
from sync import tasks
from sync.engine.upkeep.refreshes import due_refreshes
from sync.models import SyncRun
from tests.support.driver import execute
from tests.support.factories import make_tenant, tenant_data
from tests.support.rows import add_person, add_run, remove_for_good
from tests.support.worker import running_worker

DAY = timedelta(days=1)


@pytest.fixture
def acme(db):
    return make_tenant()


@pytest.fixture
def automatic(acme):
    Tenant.objects.update(auto_sync=True)
    return acme


@pytest.fixture
def sent(monkeypatch):
    """The messages that would have gone to the broker."""
    messages = []
    monkeypatch.setattr(tasks, "_send_refresh", lambda *each: messages.append(each))
    return messages


def remember(tenant, *, age, **more):
    """A refresh of everything that began so long ago and came to its end."""
    began = timezone.now() - age
    values = {"refreshed_at": began, "ended_at": began, "is_ok": True, "company": "001"}
    RefreshState.objects.update_or_create(tenant=tenant, defaults={**values, **more})


class TestDaily:
    def test_a_tenant_that_is_synced_by_itself_is_read_for_the_first_time(
        self, automatic, sent
    ):
        tasks.refresh_due_codes()
        assert sent == [(automatic.pk, "auto")]

    def test_a_tenant_that_nobody_uses_is_left_alone(self, acme):
        assert due_refreshes() == []

    def test_a_tenant_that_a_person_synced_lately_is_in_use(self, acme):
        run = add_run(acme)
        assert due_refreshes() == [acme.pk]
        RefreshState.objects.all().delete()
        SyncRun.objects.filter(pk=run.pk).update(created_at=timezone.now() - 8 * DAY)
        assert due_refreshes() == []

    @pytest.mark.parametrize(("hours", "is_due"), [(23, False), (25, True)])
    def test_codes_are_due_when_they_are_older_than_a_day(
        self, automatic, hours, is_due
    ):
        remember(automatic, age=timedelta(hours=hours))
        assert due_refreshes() == ([automatic.pk] if is_due else [])

    def test_another_company_s_codes_are_due_at_once(self, automatic):
        remember(automatic, age=timedelta(hours=1), company="002")
        assert due_refreshes() == [automatic.pk]

    @pytest.mark.parametrize(("minutes", "is_due"), [(59, False), (61, True)])
    def test_what_failed_is_tried_again_after_an_hour(self, automatic, minutes, is_due):
        ended = timezone.now() - timedelta(minutes=minutes)
        remember(automatic, age=2 * DAY, ended_at=ended, is_ok=False)
        assert due_refreshes() == ([automatic.pk] if is_due else [])

    def test_a_tenant_without_company_or_connection_waits_for_it(self, automatic):
        automatic.transactions.company_code = ""
        automatic.transactions.save()
        assert due_refreshes() == []
        automatic.transactions.company_code = "001"
        automatic.transactions.save()
        automatic.cmic.delete()
        assert due_refreshes() == []

    def test_two_a_minute_begin_the_oldest_first(self, automatic):
        tenants = [automatic]
        for number in range(4):
            data = tenant_data("http://127.0.0.1:9", "http://127.0.0.1:9/cmictest")
            data |= {"slug": f"t{number}", "name": f"T{number}", "auto_sync": True}
            tenants.append(import_tenant(data, {})[0])
        for age, tenant in enumerate(tenants[1:]):
            remember(tenant, age=DAY * (2 + age))
        first = due_refreshes()
        assert first == [automatic.pk, tenants[4].pk]
        assert due_refreshes() == [tenants[3].pk, tenants[2].pk]
        assert due_refreshes() == [tenants[1].pk]
        assert due_refreshes() == []

    def test_two_schedulers_ask_once(self, automatic, sent):
        tasks.refresh_due_codes()
        tasks.refresh_due_codes()
        assert len(sent) == 1


class TestLostMessages:
    @pytest.mark.parametrize(("seconds", "is_sent"), [(20, False), (40, True)])
    def test_a_request_that_nobody_took_up_is_sent_again(self, acme, seconds, is_sent):
        asked = timezone.now() - timedelta(seconds=seconds)
        RefreshState.objects.request(acme, asked)
        assert due_refreshes() == ([acme.pk] if is_sent else [])

    def test_a_request_whose_worker_died_is_sent_again_after_its_lease(self, acme):
        before = timezone.now() - timedelta(minutes=5)
        RefreshState.objects.request(acme, before)
        RefreshState.objects.claim(acme, timezone.now())
        assert due_refreshes() == []
        RefreshState.objects.update(claimed_until=clock.now())
        assert due_refreshes() == [acme.pk]

    def test_a_broker_that_is_away_costs_no_request(self, acme, monkeypatch):
        def refuse(*arguments, **options):
            raise OperationalError

        monkeypatch.setattr(tasks.refresh_codes, "apply_async", refuse)
        RefreshState.objects.request(acme, timezone.now() - timedelta(minutes=1))
        tasks.refresh_due_codes()
        assert due_refreshes() == [acme.pk]


class TestButton:
    def url(self, tenant, name="refresh_codes"):
        return reverse(f"admin:connector_tenant_{name}", args=[tenant.pk])

    def client(self, *permissions, **options):
        client = Client(**options)
        client.force_login(add_person(*permissions))
        return client

    def test_it_asks_for_a_refresh_and_says_who(
        self, acme, sent, django_capture_on_commit_callbacks
    ):
        client = self.client("connector.change_tenant", "connector.view_tenant")
        with django_capture_on_commit_callbacks() as callbacks:
            response = client.post(self.url(acme), follow=True)
            assert sent == []
        for send in callbacks:
            send()
        assert sent == [(acme.pk, "manual")]
        assert "read by the next free worker" in response.content.decode()
        assert "Asked for" in LogEntry.objects.get().get_change_message()
        assert RefreshState.objects.get().requested_at

    def test_pressed_twice_it_asks_once(self, acme, sent):
        client = self.client("connector.change_tenant", "connector.view_tenant")
        client.post(self.url(acme))
        response = client.post(self.url(acme), follow=True)
        assert "being read already" in response.content.decode()
        assert LogEntry.objects.count() == 1

    def test_it_is_for_those_who_may_change_the_tenant(self, acme, sent):
        client = self.client("connector.view_tenant")
        assert client.post(self.url(acme)).status_code == 403
        page = client.get(reverse("admin:connector_tenant_change", args=[acme.pk]))
        assert "Refresh codes" not in page.content.decode()
        assert not RefreshState.objects.exists()

    def test_a_link_or_a_foreign_page_starts_nothing(self, acme):
        permissions = ("connector.change_tenant", "connector.view_tenant")
        client = self.client(*permissions, enforce_csrf_checks=True)
        assert client.get(self.url(acme)).status_code == 405
        assert client.post(self.url(acme)).status_code == 403
        assert not RefreshState.objects.exists()

    def test_a_list_of_half_its_codes_is_asked_about_and_believed(self, acme):
        permissions = ("connector.change_tenant", "connector.view_tenant")
        client = self.client(*permissions)
        CodeRefresh.objects.filter(tenant=acme).delete()
        short = CodeRefresh.objects.create(
            tenant=acme,
            kind="job",
            company=acme.company_code,
            refreshed_at=timezone.now(),
            count=310,
            short_count=1,
        )
        url = reverse("admin:connector_tenant_change", args=[acme.pk])
        page = client.get(url).content.decode()
        assert "Is CMiC's job list complete?" in page
        assert "It has 1 code; the previous reading had 310." in page

        url = self.url(acme, "believe_codes")
        answer = client.post(url, {"kind": "job", "count": "2"}, follow=True)
        assert "Nothing was changed" in answer.content.decode()
        short.refresh_from_db()
        assert short.short_count == 1

        answer = client.post(url, {"kind": "job", "count": "1"}, follow=True)
        assert "what it lacks is closed" in answer.content.decode()
        short.refresh_from_db()
        assert (short.count, short.short_count) == (1, None)
        assert "job list is complete: 1 code, before 310." in (
            LogEntry.objects.get().get_change_message()
        )
        answer = client.post(url, {"kind": "job", "count": "1"}, follow=True)
        assert "Nothing was changed" in answer.content.decode()

    def test_the_progress_is_for_those_who_may_see_the_tenant(self, acme):
        url = self.url(acme, "codes_progress")
        assert self.client("sync.view_syncrun").get(url).status_code == 403
        assert Client().get(url).status_code == 302

    def test_a_tenant_that_is_gone_has_no_progress(self, admin_client):
        gone = reverse("admin:connector_tenant_codes_progress", args=[4711])
        assert admin_client.get(gone).status_code == 404

    def test_the_progress_is_a_kind_and_its_rows(self, acme):
        state = RefreshState.objects.claim(acme, timezone.now())
        state.report("category", 120_000, timezone.now())
        CodeRefresh.objects.create(
            tenant=acme,
            kind="category",
            company="001",
            refreshed_at=timezone.now() - DAY,
            count=500_000,
        )
        client = self.client("connector.view_tenant")
        answer = client.get(self.url(acme, "codes_progress")).json()
        html = answer.pop("html")
        assert answer == {
            "is_active": True,
            "kind": "category",
            "rows": 120_000,
            "last_count": 500_000,
        }
        assert "cost type, 120,000 so far (there were 500,000 the last time)" in html

    def test_the_page_says_how_old_the_codes_are_and_why_the_last_ones_failed(
        self, acme
    ):
        client = self.client("connector.view_tenant")
        page = reverse("admin:connector_tenant_change", args=[acme.pk])
        assert "not read yet" in client.get(page).content.decode()
        CodeRefresh.objects.create(
            tenant=acme,
            kind="job",
            company="001",
            refreshed_at=timezone.now() - timedelta(hours=3),
            count=25,
        )
        remember(acme, age=DAY, is_ok=False, message="CMiC answered 503.")
        body = client.get(page).content.decode()
        assert "3\xa0hours ago" in body
        assert "the codes before it are still used" in body
        assert "CMiC answered 503." in body


class TestRuns:
    def test_a_run_waits_for_codes_that_were_never_read(
        self, transactional_db, pex, cmic
    ):
        tenant = make_tenant(pex.url, cmic.url)
        pex.add_purchase(amount=Decimal("5.00"))
        RefreshState.objects.claim(tenant, timezone.now())
        run = execute(tenant)
        assert run.status == "running"
        assert (run.reason, run.prepared_at) == ("", None)
        assert "read by another process" in run.message
        assert run.resume_at > timezone.now()
        assert (pex.calls, cmic.calls) == ([], [])

    def test_a_run_goes_on_with_older_codes_and_says_so(
        self, transactional_db, pex, cmic
    ):
        tenant = make_tenant(pex.url, cmic.url)
        pex.add_purchase(amount=Decimal("5.00"))
        execute(tenant)
        CodeRefresh.objects.update(refreshed_at=timezone.now() - 2 * DAY)
        pex.add_purchase(amount=Decimal("5.00"))
        RefreshState.objects.claim(tenant, timezone.now())
        run = execute(tenant)
        assert run.status == "succeeded"
        assert "read before were used" in run.message
        assert len(cmic.invoices()) == 2

    def test_yesterdays_codes_serve_while_one_list_fails(
        self, transactional_db, pex, cmic
    ):
        tenant = make_tenant(pex.url, cmic.url)
        pex.add_purchase(amount=Decimal("5.00"))
        execute(tenant)
        CodeRefresh.objects.update(refreshed_at=timezone.now() - 2 * DAY)
        pex.add_purchase(amount=Decimal("5.00"))
        cmic.faults.set("server_error", match="jcjobcategory")
        run = execute(tenant)
        assert run.status == "succeeded"
        assert "did not give its cost type list" in run.message
        assert "read before were used" in run.message
        assert len(cmic.invoices()) == 2

    def test_codes_that_are_too_old_do_not_serve(self, transactional_db, pex, cmic):
        tenant = make_tenant(pex.url, cmic.url)
        pex.add_purchase(amount=Decimal("5.00"))
        execute(tenant)
        CodeRefresh.objects.update(refreshed_at=timezone.now() - 4 * DAY)
        pex.add_purchase(amount=Decimal("5.00"))
        cmic.faults.set("server_error", match="jcjobcategory")
        run = execute(tenant)
        assert (run.status, run.reason) == ("running", "outage")
        assert len(cmic.invoices()) == 1


class TestWorker:
    def wait_until(self, condition):
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, RefreshState.objects.values().get()
            time.sleep(0.1)

    def test_a_worker_killed_while_it_reads_is_followed_by_another(
        self, transactional_db, pex, cmic
    ):
        tenant = make_tenant(pex.url, cmic.url)
        RefreshState.objects.request(tenant, timezone.now())
        refresh_requested(tenant.pk)
        before = sorted(CmicCode.objects.values_list("pk", "is_active"))
        remove_for_good(cmic, "vendor", ["FERG01"])
        cmic.hold("listing")
        RefreshState.objects.request(tenant, timezone.now())
        with running_worker(LEASE_SECONDS="4", HTTP_TIMEOUT="1.9") as worker:
            tasks.refresh_on_commit(tenant.pk)
            cmic.wait_until_held("listing", timeout=30)
            os.killpg(worker, signal.SIGKILL)
        cmic.release()
        assert sorted(CmicCode.objects.values_list("pk", "is_active")) == before
        self.wait_until(lambda: RefreshState.objects.free(timezone.now()).exists())
        RefreshState.objects.update(requested_at=timezone.now() - timedelta(minutes=1))
        (due,) = due_refreshes()
        tasks.refresh_codes(due)
        assert not CmicCode.objects.get(kind="vendor", code="FERG01").is_active
        assert RefreshState.objects.get().is_ok
