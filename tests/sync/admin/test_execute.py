"""Execute and runs in the admin, as support staff meet them."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from connector.models import Tenant
from sync import tasks
from sync.models import PurchaseSync, SyncRun
from tests.support.factories import make_tenant
from tests.support.rows import (
    LOOKING,
    REFUND,
    add_person,
    add_purchase,
    add_run,
    text_of,
)

TENANTS = reverse("admin:connector_tenant_changelist")
RUNS = reverse("admin:sync_syncrun_changelist")
PURCHASES = reverse("admin:sync_purchasesync_changelist")


def execute_url(tenant):
    return reverse("admin:connector_tenant_execute_one", args=[tenant.pk])


@pytest.fixture
def acme(db):
    return make_tenant()


@pytest.fixture
def sent(monkeypatch):
    """The steps that would have gone to the broker."""
    steps = []
    monkeypatch.setattr(tasks, "_send", steps.extend)
    return steps


@pytest.fixture
def staff(client, db):
    """A client of a person with these permissions."""

    def log_in(*names):
        client.force_login(add_person(*names))
        return client

    return log_in


class TestExecute:
    def test_the_page_says_which_days_are_covered_and_starts_nothing(
        self, admin_client, acme
    ):
        body = text_of(admin_client, execute_url(acme))
        assert "Acme Construction" in body
        assert "both included" in body
        assert "csrfmiddlewaretoken" in body
        assert not SyncRun.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_confirming_starts_a_run_on_record(self, staff, sent):
        tenant = make_tenant()
        client = staff(*LOOKING, "sync.execute_sync")
        response = client.post(execute_url(tenant), {"confirmed": "yes"}, follow=True)
        run = SyncRun.objects.get()
        assert run.started_by.username == "sam"
        assert run.trigger == "manual"
        assert [step.run_id for step in sent] == [run.pk]
        run_url = reverse("admin:sync_syncrun_change", args=[run.pk])
        assert response.redirect_chain[-1][0] == run_url
        assert f"Run {run.pk}" in response.content.decode()
        entry = LogEntry.objects.get()
        assert entry.user.username == "sam"
        assert f"run {run.pk}" in entry.get_change_message()

    def test_a_second_one_is_refused_and_points_to_the_first(
        self, admin_client, acme, sent
    ):
        run = add_run(acme, "running")
        body = text_of(admin_client, execute_url(acme))
        assert f"run {run.pk}" in body
        assert "Execute now" not in body
        response = admin_client.post(execute_url(acme), follow=True)
        assert f"Run {run.pk} of Acme Construction is still running" in (
            response.content.decode()
        )
        assert reverse("admin:sync_syncrun_change", args=[run.pk]) in (
            response.content.decode()
        )
        assert SyncRun.objects.count() == 1
        assert sent == []

    def test_an_incomplete_tenant_is_refused_with_what_is_missing(
        self, admin_client, sent
    ):
        tenant = Tenant.objects.create(slug="new", name="New Builders")
        assert "The PEX connection is missing." in text_of(
            admin_client, execute_url(tenant)
        )
        response = admin_client.post(execute_url(tenant), follow=True)
        assert "The PEX connection is missing." in response.content.decode()
        assert not SyncRun.objects.exists()

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_it_needs_its_own_permission(self, staff, acme, method):
        client = staff(*LOOKING, "connector.change_tenant")
        assert getattr(client, method)(execute_url(acme)).status_code == 403
        assert not SyncRun.objects.exists()

    def test_without_the_permission_there_is_no_button_and_no_action(self, staff, acme):
        client = staff(*LOOKING, "connector.change_tenant")
        page = reverse("admin:connector_tenant_change", args=[acme.pk])
        assert execute_url(acme) not in text_of(client, page)
        assert "execute_selected" not in text_of(client, TENANTS)

    def test_a_post_from_elsewhere_is_refused(self, acme, staff):
        client = staff(*LOOKING, "sync.execute_sync")
        client.handler.enforce_csrf_checks = True
        response = client.post(execute_url(acme), {"confirmed": "yes"})
        assert response.status_code == 403
        assert not SyncRun.objects.exists()

    def test_a_tenant_that_does_not_exist_is_not_found(self, admin_client):
        for key in ("7", "x"):
            url = reverse("admin:connector_tenant_execute_one", args=[key])
            assert admin_client.get(url).status_code == 404

    @pytest.mark.django_db(transaction=True)
    def test_several_at_once_after_one_confirmation(self, admin_client, sent):
        first, busy = make_tenant(), None
        Tenant.objects.update(slug="first", name="First")
        busy = make_tenant()
        run = add_run(busy, "queued")
        chosen = {
            "action": "execute_selected",
            "_selected_action": [first.pk, busy.pk],
        }
        body = admin_client.post(TENANTS, chosen).content.decode()
        assert "First" in body
        assert f"run {run.pk}" in body
        assert SyncRun.objects.count() == 1
        response = admin_client.post(
            TENANTS, {**chosen, "confirmed": "yes"}, follow=True
        )
        assert SyncRun.objects.filter(tenant=first).count() == 1
        assert len(sent) == 1
        assert response.redirect_chain[-1][0] == RUNS
        assert f"Run {run.pk} of" in response.content.decode()


class TestRuns:
    def test_no_run_yet(self, admin_client):
        assert "No run yet" in text_of(admin_client, RUNS)

    def test_the_list_costs_the_same_for_any_number(
        self, admin_client, django_assert_max_num_queries
    ):
        person = User.objects.get(username="admin")
        for number in range(12):
            tenant = make_tenant()
            Tenant.objects.filter(pk=tenant.pk).update(slug=f"acme-{number}")
            run = add_run(tenant, "running", started_by=person)
            add_purchase(run, number)
        with django_assert_max_num_queries(8):
            body = text_of(admin_client, RUNS)
        assert body.count("1 of 1 in CMiC so far") == 12

    def test_the_tenants_show_their_last_run_at_the_same_cost(
        self, admin_client, django_assert_max_num_queries
    ):
        for number in range(12):
            tenant = make_tenant()
            Tenant.objects.filter(pk=tenant.pk).update(slug=f"acme-{number}")
            add_run(tenant, "failed")
            add_run(tenant, "partial")
        with django_assert_max_num_queries(8):
            body = text_of(admin_client, TENANTS)
        assert body.lower().count("partial") == 12

    def test_counts_lead_to_the_purchases_of_that_run(self, admin_client, acme):
        run = add_run(acme, "running")
        add_purchase(run, 90001)
        add_purchase(run, 90002, status="blocked", reasons=[REFUND])
        page = text_of(
            admin_client, reverse("admin:sync_syncrun_change", args=[run.pk])
        )
        assert f"?run={run.pk}-blocked" in page
        body = text_of(admin_client, PURCHASES, run=f"{run.pk}-blocked")
        assert "90002" in body
        assert "90001" not in body

    def test_an_ended_run_keeps_what_it_ended_with(self, admin_client, acme):
        run = add_run(acme, "running")
        row = add_purchase(run, 4711, status="blocked", reasons=[REFUND])
        run.end(SyncRun.State.SUCCEEDED, timezone.now(), counts={"blocked": 1})
        later = add_run(acme)
        PurchaseSync.objects.filter(pk=row.pk).update(run=later, status="completed")
        assert "4711" in text_of(admin_client, PURCHASES, run=f"{run.pk}-blocked")
        assert "4711" not in text_of(admin_client, PURCHASES, run=f"{run.pk}-completed")

    @pytest.mark.parametrize("value", ["x", "1-x", "9" * 30, "-", "²"])
    def test_a_run_that_is_none_lists_nothing(self, admin_client, acme, value):
        add_purchase(add_run(acme), 4711)
        assert "4711" not in text_of(admin_client, PURCHASES, run=value)

    def test_progress_is_for_those_who_may_see_runs(self, staff, acme, client):
        run = add_run(acme, "running")
        url = reverse("admin:sync_syncrun_progress", args=[run.pk])
        assert client.get(url).status_code == 302
        assert staff("connector.view_tenant").get(url).status_code == 403

    def test_progress_tells_how_far_it_is(self, admin_client, acme):
        run = add_run(acme, "running", message="CMiC <does> not answer.")
        url = reverse("admin:sync_syncrun_progress", args=[run.pk])
        answer = admin_client.get(url).json()
        assert answer["is_active"]
        assert "CMiC &lt;does&gt; not answer." in answer["html"]
        run.end(SyncRun.State.SUCCEEDED, timezone.now(), counts={"seen": 0})
        assert not admin_client.get(url).json()["is_active"]
        missing = reverse("admin:sync_syncrun_progress", args=[run.pk + 1])
        assert admin_client.get(missing).status_code == 404

    def test_only_an_active_run_is_asked_again(self, admin_client, acme):
        active, ended = add_run(acme, "running"), add_run(acme)
        pages = [
            text_of(admin_client, reverse("admin:sync_syncrun_change", args=[run.pk]))
            for run in (active, ended)
        ]
        assert "data-progress=" in pages[0]
        assert "data-progress=" not in pages[1]

    @pytest.mark.parametrize("name", ["syncrun", "purchasesync"])
    def test_nobody_writes_them(self, admin_client, acme, name):
        run = add_run(acme)
        row = run if name == "syncrun" else add_purchase(run, 1)
        for verb in ("change", "delete"):
            url = reverse(f"admin:sync_{name}_{verb}", args=[row.pk])
            assert admin_client.post(url, {"post": "yes"}).status_code == 403
        add = reverse(f"admin:sync_{name}_add")
        assert admin_client.get(add).status_code == 403
