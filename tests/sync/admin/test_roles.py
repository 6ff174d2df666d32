"""Who may what (F35): every page and action of the admin, for each role and for nobody.

A new page or action must be added to the tables here, or the first tests fail.
"""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, reverse

from audit.models import Entry
from audit.recording import record
from connector.models import RefreshState, RoleGrant, Tenant, TenantAccess
from connector.roles import Role
from sync.models import SyncRun
from tests.support.factories import make_tenant
from tests.support.people import add_lock, add_staff
from tests.support.rows import (
    add_alert,
    add_meaning,
    add_preview,
    add_purchase,
    add_run,
    body_of,
)

NOBODY = "Nobody"
V, S, A = Role.VIEWER, Role.SUPPORT, Role.ADMINISTRATOR
LOOKERS, WORKERS, MANAGERS = {V, S, A}, {S, A}, {A}
EVERYBODY = {NOBODY, V, S, A}


def only_read(model, readers):
    """The pages of rows that nobody changes."""
    return {
        f"{model}_changelist": (readers, readers),
        f"{model}_add": (set(), set()),
        f"{model}_change": (readers, set()),
        f"{model}_history": (readers, readers),
        f"{model}_delete": (set(), set()),
    }


# Page: who may look at it, and who may post to it.
PAGES = {
    "index": (EVERYBODY, EVERYBODY),
    "password_change": (EVERYBODY, EVERYBODY),
    "password_change_done": (EVERYBODY, EVERYBODY),
    "jsi18n": (EVERYBODY, EVERYBODY),
    "search": (EVERYBODY, EVERYBODY),
    "connector_tenant_changelist": (LOOKERS, LOOKERS),
    "connector_tenant_add": (MANAGERS, MANAGERS),
    "connector_tenant_change": (LOOKERS, WORKERS),
    "connector_tenant_history": (LOOKERS, LOOKERS),
    "connector_tenant_delete": (MANAGERS, MANAGERS),
    "connector_tenant_execute_one": (WORKERS, WORKERS),
    "connector_tenant_export_file": (LOOKERS, LOOKERS),
    "connector_tenant_import_file": (MANAGERS, MANAGERS),
    "connector_tenant_copy_settings": (WORKERS, WORKERS),
    "connector_tenant_credentials": (MANAGERS, MANAGERS),
    "connector_tenant_disconnect": (MANAGERS, MANAGERS),
    "connector_tenant_check": (WORKERS, WORKERS),
    "connector_tenant_choices": (WORKERS, WORKERS),
    "connector_tenant_words": (WORKERS, WORKERS),
    "connector_tenant_effect": (WORKERS, WORKERS),
    "connector_tenant_read_tags": (WORKERS, WORKERS),
    "connector_tenant_create_tags": (WORKERS, WORKERS),
    "connector_tenant_sync_tags": (WORKERS, WORKERS),
    "connector_tenant_auto_sync": (WORKERS, WORKERS),
    "connector_tenant_refresh_codes": (WORKERS, WORKERS),
    "connector_tenant_believe_codes": (WORKERS, WORKERS),
    "connector_tenant_codes_progress": (LOOKERS, LOOKERS),
    "connector_tagmeaning_changelist": (LOOKERS, LOOKERS),
    "connector_tagmeaning_add": (set(), set()),
    "connector_tagmeaning_change": (LOOKERS, set()),
    "connector_tagmeaning_history": (LOOKERS, LOOKERS),
    "connector_tagmeaning_delete": (WORKERS, WORKERS),
    **only_read("sync_syncrun", LOOKERS),
    "sync_syncrun_progress": (LOOKERS, LOOKERS),
    "sync_syncrun_export": (LOOKERS, LOOKERS),
    "sync_purchasesync_export": (LOOKERS, LOOKERS),
    "sync_purchasesync_causes": (LOOKERS, LOOKERS),
    **only_read("sync_purchasesync", LOOKERS),
    "sync_purchasesync_receipts": (LOOKERS, LOOKERS),
    "sync_purchasesync_document": (WORKERS, WORKERS),
    "sync_purchasesync_it_is_there": (WORKERS, WORKERS),
    "sync_purchasesync_send_again": (WORKERS, WORKERS),
    "sync_purchasesync_retry": (WORKERS, WORKERS),
    "sync_purchasesync_mark_as_synced": (WORKERS, WORKERS),
    "sync_purchasesync_marker_written": (WORKERS, WORKERS),
    "sync_purchasesync_leave_without_marker": (WORKERS, WORKERS),
    "sync_purchasesync_use_code": (WORKERS, WORKERS),
    "sync_syncrun_stop_run": (WORKERS, WORKERS),
    "connector_tenant_preview": (WORKERS, WORKERS),
    **only_read("sync_preview", LOOKERS),
    "sync_preview_progress": (LOOKERS, LOOKERS),
    "sync_preview_csv": (LOOKERS, LOOKERS),
    **only_read("sync_alert", LOOKERS),
    **only_read("audit_entry", MANAGERS),
    "audit_entry_export": (MANAGERS, MANAGERS),
    **only_read("logins_lock", MANAGERS),
    "logins_personsession_changelist": (EVERYBODY, EVERYBODY),
    "logins_personsession_sign_out": (EVERYBODY, EVERYBODY),
    "logins_personsession_confirm": (EVERYBODY, EVERYBODY),
    "auth_user_changelist": (MANAGERS, MANAGERS),
    "auth_user_add": (MANAGERS, MANAGERS),
    "auth_user_change": (MANAGERS, MANAGERS),
    "auth_user_history": (MANAGERS, MANAGERS),
    "auth_user_delete": (set(), set()),
    "auth_user_password_change": (MANAGERS, MANAGERS),
    "auth_group_changelist": (MANAGERS, MANAGERS),
    "auth_group_add": (MANAGERS, MANAGERS),
    "auth_group_change": (MANAGERS, MANAGERS),
    "auth_group_history": (MANAGERS, MANAGERS),
    "auth_group_delete": (MANAGERS, MANAGERS),
}
OF_NO_ROW = ("_changelist", "_add", "_import_file", "_export", "_causes")
# What their addresses say beside the row.
MORE = {
    "connector_tenant_credentials": ["pex"],
    "connector_tenant_disconnect": ["pex"],
    "connector_tenant_choices": ["vendor_code"],
    "sync_syncrun_export": ["csv"],
    "sync_purchasesync_export": ["csv"],
    "audit_entry_export": ["csv"],
}
# What Django serves to those who are not logged in, or by another page's leave.
NO_PAGES = {"login", "logout", "autocomplete", "view_on_site", "app_list"}

DECISIONS = {
    "it_is_there_selected",
    "send_again_selected",
    "retry_selected",
    "mark_as_synced_selected",
    "marker_written_selected",
    "leave_without_marker_selected",
}
ACTIONS = {
    "connector.tenant": {V: set(), S: {"execute_selected"}},
    "connector.tagmeaning": {V: set(), S: {"delete_selected"}},
    "sync.syncrun": {V: set(), S: set()},
    "sync.purchasesync": {V: set(), S: DECISIONS},
    "sync.alert": {V: set(), S: set()},
    "sync.preview": {V: set(), S: set()},
    "audit.entry": {V: set(), S: set()},
    "logins.lock": {V: set(), S: set()},
    "logins.personsession": {V: set(), S: set()},
    "auth.user": {V: set(), S: set()},
    "auth.group": {V: set(), S: set()},
}
ADMINISTRATORS = {
    "connector.tenant": {"execute_selected", "delete_selected"},
    "connector.tagmeaning": {"delete_selected"},
    "sync.syncrun": set(),
    "sync.purchasesync": DECISIONS,
    "sync.alert": set(),
    "sync.preview": set(),
    "audit.entry": set(),
    "logins.lock": {"unlock_selected"},
    "logins.personsession": set(),
    "auth.user": set(),
    "auth.group": {"delete_selected"},
}


def patterns(found):
    """The named patterns below these, without the names of their spaces."""
    for each in found:
        if isinstance(each, URLResolver):
            yield from patterns(each.url_patterns)
        elif isinstance(each, URLPattern) and each.name:
            yield each


@pytest.fixture
def rows(db):
    tenant = make_tenant()
    run = add_run(tenant)
    purchase = add_purchase(
        run, 1, status="posting", invoice_number="PEX-1", needs_person=True
    )
    return {
        "connector_tenant": tenant,
        "connector_tagmeaning": add_meaning(tenant),
        "sync_syncrun": run,
        "sync_purchasesync": purchase,
        "sync_alert": add_alert(tenant),
        "sync_preview": add_preview(tenant),
        "audit_entry": record(Entry.Kind.EXPORT, "Taken.", tenant=tenant),
        "logins_lock": add_lock("somebody"),
        "auth_user": User.objects.create_user("somebody", password="x"),
        "auth_group": Group.objects.create(name="Somebodies"),
    }


@pytest.fixture
def people(db):
    return {who: add_staff(who, None if who == NOBODY else who) for who in EVERYBODY}


def address(name, rows):
    model = "_".join(name.split("_")[:2])
    is_of_row = model in rows and not name.endswith(OF_NO_ROW)
    more = MORE.get(name, [])
    row = [rows[model].pk] if is_of_row else []
    return reverse(f"admin:{name}", args=[*row, *more])


def test_every_page_of_the_admin_is_in_the_table():
    names = {each.name for each in patterns(admin.site.get_urls())}
    assert names - NO_PAGES == set(PAGES)


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_each_role_opens_its_pages_and_no_others(client, rows, people, who):
    client.force_login(people[who])
    answers = {
        name: client.get(address(name, rows)).status_code != 403 for name in PAGES
    }
    assert answers == {name: who in may_look for name, (may_look, _) in PAGES.items()}


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_nobody_posts_where_they_may_not(client, rows, people, who):
    client.force_login(people[who])
    forbidden = [name for name, (_, may_post) in PAGES.items() if who not in may_post]
    answers = {
        name: client.post(address(name, rows), {"post": "yes"}).status_code
        for name in forbidden
    }
    assert set(answers.values()) <= {403}, answers
    assert SyncRun.objects.count() == 1
    assert not RefreshState.objects.exists()
    assert all(type(row).objects.filter(pk=row.pk).exists() for row in rows.values())


def test_those_who_are_no_staff_are_asked_to_log_in(client, rows):
    client.force_login(User.objects.create_user("customer", password="x"))
    for name in PAGES:
        answer = client.post(address(name, rows))
        assert answer.status_code == 302, name
        assert answer["Location"].startswith(reverse("admin:login")), name


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_each_role_has_its_actions_and_no_others(people, who):
    for model, model_admin in admin.site._registry.items():
        request = RequestFactory().get("/")
        request.user = people[who]
        wanted = ACTIONS[model._meta.label_lower].get(who, set())
        if who == A:
            wanted = ADMINISTRATORS[model._meta.label_lower]
        assert set(model_admin.get_actions(request)) == wanted, model


def test_an_action_that_is_not_offered_does_nothing(client, rows, people):
    for who, name in ((V, "execute_selected"), (S, "delete_selected")):
        client.force_login(people[who])
        client.post(
            reverse("admin:connector_tenant_changelist"),
            {
                "action": name,
                "_selected_action": rows["connector_tenant"].pk,
                "confirmed": "yes",
                "post": "yes",
            },
        )
    assert SyncRun.objects.count() == 1
    assert Tenant.objects.exists()


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_no_page_offers_what_its_reader_may_not_open(client, rows, people, who):
    client.force_login(people[who])
    answers, offered = {}, {}
    for name, (may_look, _) in PAGES.items():
        if who in may_look:
            url = address(name, rows)
            answer = client.get(url, follow=True)
            links = re.findall(r'(?:href|action)="(/admin/[^"#?]*)', body_of(answer))
            offered.update(dict.fromkeys(links, name))
            answers[url] = answer.status_code
    offered.pop(reverse("admin:logout"), None)
    for link in offered.keys() - answers.keys():
        answer = client.get(link)
        body_of(answer)
        answers[link] = answer.status_code
    refused = {
        link: name for link, name in offered.items() if answers[link] in (403, 404)
    }
    assert refused == {}


def test_support_executes(client, rows, people):
    client.force_login(people[S])
    client.post(address("connector_tenant_execute_one", rows), {"confirmed": "yes"})
    run = SyncRun.objects.latest("pk")
    assert run.started_by == people[S]
    assert run.pk != rows["sync_syncrun"].pk


class TestManagingPeople:
    def test_an_administrator_makes_nobody_a_superuser(self, client, rows, people):
        client.force_login(people[A])
        person = people[A]
        page = reverse("admin:auth_user_change", args=[person.pk])
        client.post(
            page,
            {
                "username": person.username,
                "is_active": "on",
                "is_staff": "on",
                "is_superuser": "on",
                "groups": [group.pk for group in person.groups.all()],
                "date_joined_0": "2026-01-01",
                "date_joined_1": "00:00:00",
                "first_name": "Alex",
                "tenant_access-TOTAL_FORMS": 0,
                "tenant_access-INITIAL_FORMS": 0,
            },
        )
        person.refresh_from_db()
        assert person.first_name == "Alex"
        assert not person.is_superuser

    def test_an_administrator_cannot_touch_a_superuser(self, client, people):
        root = User.objects.create_superuser("root", password="x")
        client.force_login(people[A])
        for name in ("change", "delete", "password_change"):
            page = reverse(f"admin:auth_user_{name}", args=[root.pk])
            assert client.post(page, {"post": "yes"}).status_code == 403, name
        client.post(
            reverse("admin:auth_user_changelist"),
            {
                "action": "delete_selected",
                "_selected_action": root.pk,
                "post": "yes",
            },
        )
        assert User.objects.filter(username="root").exists()

    def test_tenants_chosen_without_the_switch_are_refused(self, client, people, rows):
        client.force_login(people[A])
        group = rows["auth_group"]
        data = {
            "name": group.name,
            "tenant_access-TOTAL_FORMS": 1,
            "tenant_access-INITIAL_FORMS": 0,
            "tenant_access-0-tenants": rows["connector_tenant"].pk,
        }
        page = reverse("admin:auth_group_change", args=[group.pk])
        answer = client.post(page, data)
        assert "this is off, so all would be seen" in answer.content.decode()
        client.post(page, {**data, "tenant_access-0-is_limited": "on"})
        access = TenantAccess.objects.get(group=group)
        assert list(access.tenants.all()) == [rows["connector_tenant"]]


class TestAfterAMigration:
    """`migrate` gives each permission once."""

    def test_the_roles_are_there(self, db):
        assert {role.value for role in Role} <= set(
            Group.objects.values_list("name", flat=True)
        )
        assert RoleGrant.objects.filter(permission="sync.execute_sync").count() == 2

    def test_what_was_taken_from_a_group_stays_taken(self, db):
        support = Group.objects.get(name=S)
        executing = Permission.objects.get(codename="execute_sync")
        support.permissions.remove(executing)
        call_command("migrate", verbosity=0)
        assert not support.permissions.filter(pk=executing.pk).exists()

    def test_what_was_added_to_a_group_stays(self, db):
        viewer = Group.objects.get(name=V)
        executing = Permission.objects.get(codename="execute_sync")
        viewer.permissions.add(executing)
        call_command("migrate", verbosity=0)
        assert viewer.permissions.filter(pk=executing.pk).exists()

    def test_what_a_later_version_adds_arrives(self, db):
        support = Group.objects.get(name=S)
        executing = Permission.objects.get(codename="execute_sync")
        support.permissions.remove(executing)
        RoleGrant.objects.filter(role=S, permission="sync.execute_sync").delete()
        call_command("migrate", verbosity=0)
        assert support.permissions.filter(pk=executing.pk).exists()

    def test_a_group_that_was_deleted_stays_deleted(self, db):
        Group.objects.get(name=V).delete()
        call_command("migrate", verbosity=0)
        assert not Group.objects.filter(name=V).exists()
