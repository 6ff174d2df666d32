"""The Sync tab: which days are covered, in sentences, and the switch of auto-sync."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from connector.models import Tenant
from sync.admin.days import settings_words
from tests.support.database_clock import database_clock
from tests.support.factories import make_tenant
from tests.support.rows import LOOKING, add_person

pytestmark = pytest.mark.django_db

# Late in the evening of November 22 in the east.
NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)


@pytest.fixture
def now_is_then():
    with database_clock(NOW):
        yield


def words(**transactions):
    tenant = make_tenant(**transactions)
    return settings_words(Tenant.objects.get(pk=tenant.pk), NOW)


def test_without_dates_both_go_two_months_back():
    manual, automatic, limit = words()
    assert manual == (
        "Execute now covers Sep 22, 2026 to Nov 22, 2026, both included: 62 US "
        "Eastern days."
    )
    assert automatic.startswith("Auto-sync is off; switched on now, it would cover Sep")
    assert "two months back" in limit


def test_an_early_start_is_for_execute_only(now_is_then):
    manual, automatic, limit = words(start_date="2026-01-15", end_date="2026-11-20")[:3]
    assert "covers Jan 15, 2026 to Nov 20, 2026" in manual
    assert "cover Sep 22, 2026 to Nov 20, 2026" in automatic
    assert "leaves out the days before Sep 22, 2026" in limit


def test_an_end_that_is_past_is_told(now_is_then):
    said = words(start_date="2026-06-01", end_date="2026-06-01")
    assert "one day, Jun 1, 2026" in said[0]
    assert "no day: the end lies before" in said[1]
    assert "nothing after Jun 1, 2026 is synced" in said[-1]


def test_the_next_auto_sync_is_told_with_its_own_day():
    tenant = make_tenant()
    Tenant.objects.update(
        auto_sync=True, next_auto_sync_at=datetime(2026, 11, 24, 3, tzinfo=UTC)
    )
    tenant = Tenant.objects.get(pk=tenant.pk)
    tenant.transactions.end_date = date(2026, 12, 31)
    said = settings_words(tenant, NOW)[1]
    assert said.startswith("The next auto-sync, Nov 23, 2026, 22:00 EST, covers Sep 23")


class TestTheSwitch:
    def switch(self, client, tenant, value):
        url = reverse("admin:connector_tenant_auto_sync", args=[tenant.pk])
        return client.post(url, {"auto_sync": value}, follow=True)

    def test_it_is_switched_on_and_off_on_record(self, admin_client):
        tenant = make_tenant()
        assert "Switch auto-sync on" in self.switch(
            admin_client, tenant, "off"
        ).content.decode(errors="replace")
        self.switch(admin_client, tenant, "on")
        assert Tenant.objects.get().auto_sync
        assert LogEntry.objects.get().get_change_message() == "Switched auto-sync on."
        self.switch(admin_client, tenant, "off")
        assert not Tenant.objects.get().auto_sync

    def test_it_is_refused_while_something_is_missing(self, admin_client):
        tenant = make_tenant()
        tenant.mappings.filter(field="group_code").update(static_value="")
        body = self.switch(admin_client, tenant, "on").content.decode()
        assert "was not switched on. The mapping of Group Code" in body
        assert not Tenant.objects.get().auto_sync
        assert "cannot be switched on until" in body

    def test_it_is_for_those_who_may_change_the_tenant(self, client):
        tenant = make_tenant()
        client.force_login(add_person(*LOOKING, "sync.execute_sync"))
        url = reverse("admin:connector_tenant_auto_sync", args=[tenant.pk])
        assert client.post(url, {"auto_sync": "on"}).status_code == 403
        assert client.get(url).status_code == 403
        assert not Tenant.objects.get().auto_sync
