"""Whoever manages people gives nobody, and by nobody gets, more than they have."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse

from connector.models import Tenant, TenantAccess
from connector.roles import Role
from tests.support.factories import make_tenant
from tests.support.people import PASSWORD, add_staff

pytestmark = pytest.mark.django_db

FOREIGN = "Zenith Builders"
NEW_PASSWORD = "correct horse battery"


@pytest.fixture
def mine():
    return make_tenant()


@pytest.fixture
def foreign(mine):
    return Tenant.objects.create(slug="zenith", name=FOREIGN)


@pytest.fixture
def limited(mine, foreign, client):
    """An Administrator who sees only some tenants, logged in."""
    person = add_staff("alex", Role.ADMINISTRATOR, tenants=[mine])
    client.force_login(person)
    return person


def page_of(person, name="change"):
    return reverse(f"admin:auth_user_{name}", args=[person.pk])


def form_of(person, **changes):
    """What a browser would post that shows every field."""
    return {
        "username": person.username,
        "is_active": "on",
        "is_staff": "on",
        "groups": [group.pk for group in person.groups.all()],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        "tenant_access-TOTAL_FORMS": 0,
        "tenant_access-INITIAL_FORMS": 0,
        **changes,
    }


def access_form(access, **changes):
    return {
        "tenant_access-TOTAL_FORMS": 1,
        "tenant_access-INITIAL_FORMS": 1,
        "tenant_access-0-id": access.pk,
        "tenant_access-0-user": access.user_id,
        **{f"tenant_access-0-{name}": value for name, value in changes.items()},
    }


def set_password(client, person):
    data = {
        "password1": NEW_PASSWORD,
        "password2": NEW_PASSWORD,
        "usable_password": "true",
    }
    return client.post(page_of(person, "password_change"), data)


def sees(person):
    return set(Tenant.objects.visible_to(User.objects.get(pk=person.pk)))


class TestWhoSeesOnlySomeTenants:
    @pytest.mark.parametrize(
        "posted",
        [
            {},
            {"tenant_access-TOTAL_FORMS": 1, "tenant_access-INITIAL_FORMS": 1},
            {"tenant_access-0-DELETE": "on"},
        ],
        ids=["without the fields", "with empty fields", "with the row deleted"],
    )
    def test_does_not_lift_the_own_limit(self, client, limited, mine, posted):
        form = form_of(limited)
        if posted:
            form |= access_form(limited.tenant_access) | posted
        client.post(page_of(limited), form)
        assert sees(limited) == {mine}

    def test_does_not_add_a_tenant_to_the_own_limit(
        self, client, limited, mine, foreign
    ):
        access = access_form(
            limited.tenant_access, is_limited="on", tenants=[mine.pk, foreign.pk]
        )
        client.post(page_of(limited), form_of(limited, **access))
        assert sees(limited) == {mine}

    @pytest.mark.parametrize("others", [None, "foreign", "both"])
    def test_does_not_reach_people_who_see_more(
        self, client, limited, mine, foreign, others
    ):
        tenants = {None: None, "foreign": [foreign], "both": [mine, foreign]}[others]
        colleague = add_staff("kim", Role.SUPPORT, tenants=tenants)
        for name in ("change", "password_change", "history"):
            answer = client.get(page_of(colleague, name))
            assert answer.status_code in (302, 403, 404), name
        set_password(client, colleague)
        colleague.refresh_from_db()
        assert colleague.check_password(PASSWORD)
        listed = client.get(reverse("admin:auth_user_changelist")).content.decode()
        assert "kim" not in listed

    def test_does_not_reach_people_who_see_more_by_a_group(
        self, client, limited, mine, foreign
    ):
        team = Group.objects.create(name="West")
        TenantAccess.objects.create(group=team, is_limited=True).tenants.add(foreign)
        colleague = add_staff("kim", Role.SUPPORT, tenants=[mine])
        colleague.groups.add(team)
        set_password(client, colleague)
        colleague.refresh_from_db()
        assert colleague.check_password(PASSWORD)

    def test_manages_people_of_the_same_tenants(self, client, limited, mine):
        colleague = add_staff("kim", Role.VIEWER, tenants=[mine])
        assert set_password(client, colleague).status_code == 302
        colleague.refresh_from_db()
        assert colleague.check_password(NEW_PASSWORD)
        support = Group.objects.get(name=Role.SUPPORT)
        access = access_form(
            colleague.tenant_access, is_limited="on", tenants=[mine.pk]
        )
        form = form_of(colleague, groups=[support.pk], **access)
        assert client.post(page_of(colleague), form).status_code == 302
        assert list(colleague.groups.all()) == [support]

    def test_lets_nobody_else_see_more(self, client, limited, mine, foreign):
        colleague = add_staff("kim", Role.VIEWER, tenants=[mine])
        access = colleague.tenant_access
        wider = access_form(access, is_limited="on", tenants=[mine.pk, foreign.pk])
        client.post(page_of(colleague), form_of(colleague, **wider))
        answer = client.post(
            page_of(colleague), form_of(colleague, **access_form(access))
        )
        assert "you cannot let others see all" in answer.content.decode()
        deleted = access_form(access, is_limited="on", tenants=[mine.pk], DELETE="on")
        client.post(page_of(colleague), form_of(colleague, **deleted))
        assert sees(colleague) == {mine}

    def test_puts_nobody_into_a_group_that_sees_more(
        self, client, limited, mine, foreign
    ):
        team = Group.objects.create(name="West")
        TenantAccess.objects.create(group=team, is_limited=True).tenants.add(foreign)
        colleague = add_staff("kim", Role.VIEWER, tenants=[mine])
        client.post(page_of(colleague), form_of(colleague, groups=[team.pk]))
        assert sees(colleague) == {mine}

    def test_takes_nobody_out_of_a_group_that_limits_them(
        self, client, limited, mine, foreign
    ):
        team = Group.objects.create(name="East")
        TenantAccess.objects.create(group=team, is_limited=True).tenants.add(mine)
        colleague = add_staff("kim", Role.VIEWER)
        colleague.groups.add(team)
        answer = client.post(
            page_of(colleague), form_of(colleague, groups=[]), follow=True
        )
        assert "stays in East" in answer.content.decode()
        assert sees(colleague) == {mine}
        assert list(colleague.groups.all()) == [team]

    def test_changes_no_group(self, client, limited):
        viewers = Group.objects.get(name=Role.VIEWER)
        before = set(viewers.permissions.all())
        for name, row in (
            ("change", [viewers.pk]),
            ("add", []),
            ("delete", [viewers.pk]),
        ):
            url = reverse(f"admin:auth_group_{name}", args=row)
            answer = client.post(url, {"name": "Mine", "post": "yes"})
            assert answer.status_code == 403, name
        assert set(Group.objects.get(name=Role.VIEWER).permissions.all()) == before

    def test_makes_people_who_see_as_much_and_no_more(self, client, limited, mine):
        data = {
            "username": "new",
            "password1": NEW_PASSWORD,
            "password2": NEW_PASSWORD,
            "usable_password": "true",
        }
        client.post(reverse("admin:auth_user_add"), data)
        assert sees(User.objects.get(username="new")) == {mine}

    def test_reads_no_foreign_tenant_s_name_in_any_form(
        self, client, limited, mine, foreign
    ):
        colleague = add_staff("kim", Role.VIEWER, tenants=[mine])
        for person in (limited, colleague):
            assert FOREIGN not in client.get(page_of(person)).content.decode()


class TestWhoMayChangePeopleOnly:
    """`auth.change_user` and nothing else of people."""

    @pytest.fixture
    def clerk(self, client):
        person = add_staff("clerk")
        names = ("view_user", "change_user", "add_user")
        person.user_permissions.set(Permission.objects.filter(codename__in=names))
        client.force_login(person)
        return person

    @pytest.mark.parametrize("whom", ["the clerk", "somebody"])
    def test_makes_nobody_an_administrator(self, client, clerk, whom):
        person = clerk if whom == "the clerk" else add_staff("kim")
        administrators = Group.objects.get(name=Role.ADMINISTRATOR)
        form = form_of(person, groups=[administrators.pk], is_superuser="on")
        client.post(page_of(person), form)
        person.refresh_from_db()
        assert not person.is_superuser
        assert not person.groups.exists()

    def test_does_not_become_an_administrator_by_their_password(self, client, clerk):
        boss = add_staff("boss", Role.ADMINISTRATOR)
        assert set_password(client, boss).status_code == 403
        boss.is_active = False
        boss.save()
        assert set_password(client, boss).status_code == 403
        boss.refresh_from_db()
        assert boss.check_password(PASSWORD)

    def test_sets_the_password_of_who_may_no_more(self, client, clerk):
        person = add_staff("kim")
        assert set_password(client, person).status_code == 302


class TestWhoMayChangeGroups:
    @pytest.fixture
    def keeper(self, client):
        """Of people and groups; nothing else."""
        person = add_staff("keeper")
        person.user_permissions.set(
            Permission.objects.filter(content_type__app_label="auth")
        )
        client.force_login(person)
        return person

    def test_gives_no_permission_that_they_have_not(self, client, keeper):
        group = Group.objects.create(name="Team")
        foreign = Permission.objects.get(codename="change_pexconnection")
        own = Permission.objects.get(codename="view_user")
        page = reverse("admin:auth_group_change", args=[group.pk])
        data = {
            "name": "Team",
            "tenant_access-TOTAL_FORMS": 0,
            "tenant_access-INITIAL_FORMS": 0,
        }
        client.post(page, {**data, "permissions": [own.pk, foreign.pk]})
        assert foreign not in group.permissions.all()
        client.post(page, {**data, "permissions": [own.pk]})
        assert list(group.permissions.all()) == [own]

    def test_puts_nobody_into_a_group_that_may_more(self, client, keeper):
        person = add_staff("kim")
        administrators = Group.objects.get(name=Role.ADMINISTRATOR)
        client.post(page_of(person), form_of(person, groups=[administrators.pk]))
        assert not person.groups.exists()
        page = reverse("admin:auth_group_change", args=[administrators.pk])
        assert client.post(page, {"name": "Mine"}).status_code == 403


class TestRecords:
    def test_nobody_is_deleted(self, client):
        root = User.objects.create_superuser("root", password="x")
        person = add_staff("kim")
        client.force_login(root)
        assert (
            client.post(page_of(person, "delete"), {"post": "yes"}).status_code == 403
        )
        client.post(
            reverse("admin:auth_user_changelist"),
            {"action": "delete_selected", "_selected_action": person.pk, "post": "yes"},
        )
        assert User.objects.filter(pk=person.pk).exists()

    def test_a_change_of_rights_is_kept_with_before_and_after(self, client, mine):
        root = User.objects.create_superuser("root", password="x")
        client.force_login(root)
        person = add_staff("kim", Role.VIEWER)
        support = Group.objects.get(name=Role.SUPPORT)
        form = form_of(person, groups=[support.pk])
        form |= {
            "tenant_access-TOTAL_FORMS": 1,
            "tenant_access-0-is_limited": "on",
            "tenant_access-0-tenants": [mine.pk],
        }
        form.pop("is_staff")
        client.post(page_of(person), form)
        entries = LogEntry.objects.filter(object_id=person.pk)
        (kept,) = [
            each.change_message
            for each in entries
            if each.change_message.startswith("Rights changed.")
        ]
        assert "Staff status: yes → no" in kept
        assert "Groups: Viewer → Support" in kept
        assert f"Tenants: all → {mine.name}" in kept

    def test_a_change_of_a_group_s_permissions_is_kept(self, client):
        root = User.objects.create_superuser("root", password="x")
        client.force_login(root)
        group = Group.objects.create(name="Team")
        permission = Permission.objects.get(codename="view_user")
        page = reverse("admin:auth_group_change", args=[group.pk])
        data = {
            "name": "Team",
            "permissions": [permission.pk],
            "tenant_access-TOTAL_FORMS": 0,
            "tenant_access-INITIAL_FORMS": 0,
        }
        client.post(page, data)
        entry = LogEntry.objects.filter(object_id=group.pk).earliest("pk")
        kept = {
            each.change_message
            for each in LogEntry.objects.filter(object_id=entry.object_id)
        }
        assert any(f"Permissions: none → {permission}" in each for each in kept)
