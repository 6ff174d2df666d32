"""Staff limited to some tenants: whatever is of another is not there for them."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import ProtectedError
from django.test import RequestFactory
from django.urls import reverse

from audit.models import Entry
from audit.recording import record
from connector.models import RefreshState, Tenant, TenantAccess
from connector.roles import Role
from sync.models import PurchaseSync, SyncRun
from tests.support.factories import make_tenant
from tests.support.people import add_staff
from tests.support.rows import (
    add_alert,
    add_meaning,
    add_preview,
    add_purchase,
    add_run,
    body_of,
    text_of,
)
from tests.sync.admin.test_roles import OF_NO_ROW, PAGES, address

MINE, FOREIGN = "Acme Construction", "Zenith Builders"
# What leads from a row to its tenant; other models in the admin are of no tenant.
PATHS = {
    "connector.tenant": "pk",
    "connector.tagmeaning": "tenant",
    "sync.syncrun": "tenant",
    "sync.purchasesync": "tenant",
    "sync.alert": "tenant",
    "sync.preview": "tenant",
    "audit.entry": "tenant",
}
OF_NO_TENANT = {"auth.user", "auth.group", "logins.lock", "logins.personsession"}


@pytest.fixture
def mine(db):
    return make_tenant()


@pytest.fixture
def foreign(mine):
    mine.slug = "acme-1"
    mine.save()
    other = make_tenant()
    other.slug, other.name = "zenith", FOREIGN
    other.save()
    return other


@pytest.fixture
def rows(foreign):
    run = add_run(foreign)
    purchase = add_purchase(
        run,
        77,
        status="posting",
        merchant="Zebra Tools",
        invoice_number="PEX-77",
        needs_person=True,
    )
    return {
        "connector_tenant": foreign,
        "connector_tagmeaning": add_meaning(foreign),
        "sync_syncrun": run,
        "sync_purchasesync": purchase,
        "sync_alert": add_alert(foreign),
        "sync_preview": add_preview(foreign),
        "audit_entry": record(Entry.Kind.EXPORT, "Taken.", tenant=foreign),
    }


@pytest.fixture
def sam(mine, rows):
    run = add_run(mine)
    add_purchase(run, 1)
    add_alert(mine)
    add_meaning(mine)
    add_preview(mine)
    record(Entry.Kind.EXPORT, "Taken.", tenant=mine)
    person = add_staff("sam", Role.SUPPORT, tenants=[mine])
    # So that deleting is refused for what it is of, and not for want of a permission.
    person.groups.add(Group.objects.get(name=Role.ADMINISTRATOR))
    return person


def test_every_model_of_the_admin_is_limited_or_of_no_tenant():
    models = {model._meta.label_lower for model in admin.site._registry}
    assert models == set(PATHS) | OF_NO_TENANT


def test_each_model_shows_rows_of_ones_own_tenants_only(mine, rows, sam):
    request = RequestFactory().get("/")
    request.user = sam
    for model, model_admin in admin.site._registry.items():
        path = PATHS.get(model._meta.label_lower)
        if path is None:
            continue
        seen = model_admin.get_queryset(request).values_list(path, flat=True)
        assert set(seen) == {mine.pk}, model


@pytest.mark.parametrize(
    "name",
    [name for name in PAGES if name.startswith(("connector_", "sync_", "audit_"))],
)
def test_no_typed_address_reaches_another_tenant(client, rows, sam, name):
    client.force_login(sam)
    url = address(name, rows)
    if name.endswith(OF_NO_ROW):
        assert FOREIGN not in body_of(client.get(url, follow=True))
        return
    for answer in (client.get(url), client.post(url, {"post": "yes", "why": "x"})):
        assert answer.status_code in (403, 404, 405), name
        assert FOREIGN not in answer.content.decode()
    assert SyncRun.objects.filter(tenant=rows["connector_tenant"]).count() == 1
    assert not RefreshState.objects.exists()
    assert PurchaseSync.objects.get(pk=rows["sync_purchasesync"].pk).needs_person


@pytest.mark.parametrize(
    "name", ["connector_tenant", "sync_syncrun", "sync_purchasesync"]
)
@pytest.mark.parametrize("query", [{}, {"q": "Ze"}, {"q": "zenith"}, {"q": "77"}])
def test_no_list_search_or_filter_names_another_tenant(client, rows, sam, name, query):
    client.force_login(sam)
    body = text_of(client, reverse(f"admin:{name}_changelist"), **query)
    assert FOREIGN not in body
    assert "Zebra Tools" not in body
    assert "PEX-77" not in body


@pytest.mark.parametrize("name", ["sync_syncrun", "sync_purchasesync"])
def test_a_filter_offers_and_finds_ones_own_tenants_only(client, rows, sam, name):
    client.force_login(sam)
    url = reverse(f"admin:{name}_changelist")
    body = text_of(client, url, tenant__id__exact=rows["connector_tenant"].pk)
    assert MINE in body
    assert FOREIGN not in body
    assert "Zebra Tools" not in body


def test_a_run_that_is_typed_into_the_address_filters_nothing_out(client, rows, sam):
    client.force_login(sam)
    url = reverse("admin:sync_purchasesync_changelist")
    assert "Zebra Tools" not in text_of(client, url, run=rows["sync_syncrun"].pk)


def test_several_are_executed_only_of_ones_own(client, mine, rows, sam):
    client.force_login(sam)
    url = reverse("admin:connector_tenant_changelist")
    chosen = [mine.pk, rows["connector_tenant"].pk]
    data = {"action": "execute_selected", "_selected_action": chosen}
    assert FOREIGN not in client.post(url, data).content.decode()
    client.post(url, {**data, "confirmed": "yes"})
    started = SyncRun.objects.filter(started_by=sam)
    assert [run.tenant for run in started] == [mine]


def test_autocomplete_offers_ones_own_tenants_only(client, rows, sam):
    client.force_login(sam)
    answer = client.get(
        reverse("admin:autocomplete"),
        {
            "app_label": "connector",
            "model_name": "tenantaccess",
            "field_name": "tenants",
            "term": "",
        },
    )
    assert [each["text"] for each in answer.json()["results"]] == [MINE]


def test_who_is_limited_adds_no_tenant(client, sam):
    client.force_login(sam)
    url = reverse("admin:connector_tenant_add")
    assert client.get(url).status_code == 403
    assert url not in text_of(client, reverse("admin:connector_tenant_changelist"))


class TestWhatLimits:
    def test_without_a_limit_all_are_seen(self, mine, foreign):
        person = add_staff("pat")
        TenantAccess.objects.create(user=person, is_limited=False)
        assert set(Tenant.objects.visible_to(person)) == {mine, foreign}

    def test_limited_to_none_sees_none(self, mine, foreign):
        person = add_staff("pat", tenants=[])
        assert not Tenant.objects.visible_to(person).exists()

    def test_limits_of_groups_and_of_oneself_add_up(self, mine, foreign):
        person = add_staff("pat", Role.SUPPORT, tenants=[mine])
        team = Group.objects.create(name="East")
        access = TenantAccess.objects.create(group=team, is_limited=True)
        access.tenants.add(foreign)
        person.groups.add(team)
        assert set(Tenant.objects.visible_to(person)) == {mine, foreign}
        access.tenants.clear()
        assert set(Tenant.objects.visible_to(person)) == {mine}

    def test_a_superuser_is_not_limited(self, mine, foreign):
        person = add_staff("pat", tenants=[])
        person.is_superuser = True
        person.save()
        assert Tenant.objects.visible_to(person).count() == 2

    def test_who_may_not_log_in_sees_nothing(self, mine):
        person = add_staff("pat")
        person.is_active = False
        assert not Tenant.objects.visible_to(person).exists()

    def test_a_tenant_that_is_deleted_lifts_no_limit(self, mine, foreign):
        person = add_staff("pat", tenants=[foreign])
        foreign.delete()
        assert not Tenant.objects.visible_to(person).exists()

    def test_a_group_that_limits_is_not_deleted(self, mine):
        team = Group.objects.create(name="East")
        TenantAccess.objects.create(group=team, is_limited=True)
        with pytest.raises(ProtectedError):
            team.delete()
