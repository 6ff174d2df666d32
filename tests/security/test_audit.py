"""The audit list: what is on it, what is not, and that it stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from audit import pruning
from audit.client import client_address
from audit.models import Entry
from audit.recording import record
from connector.models import TenantAccess
from connector.roles import Role
from sync.tasks import prune
from tests.support.factories import make_tenant
from tests.support.people import PASSWORD, add_staff
from tests.support.rows import add_preview, add_purchase, add_run

Kind = Entry.Kind
LOGIN = "/admin/login/"


@pytest.fixture
def root(db, client):
    person = User.objects.create_superuser("root", password=PASSWORD)
    client.force_login(person)
    return person


def kept(kind):
    """The sentences of this kind, oldest first."""
    rows = Entry.objects.filter(kind=kind).order_by("pk")
    return list(rows.values_list("sentence", flat=True))


def log_in(name, password, client=None, **headers):
    data = {"username": name, "password": password}
    return (client or Client()).post(LOGIN, data, **headers)


class TestLogins:
    def test_a_login_and_a_log_out_are_kept_with_person_and_address(self, db):
        kim = add_staff("kim", Role.VIEWER)
        client = Client(REMOTE_ADDR="192.0.2.7")
        log_in("kim", PASSWORD, client)
        client.post(reverse("admin:logout"))
        rows = Entry.objects.filter(kind__in=(Kind.LOGIN, Kind.LOGOUT)).order_by("pk")
        assert [(row.kind, row.person, row.address) for row in rows] == [
            ("login", kim, "192.0.2.7"),
            ("logout", kim, "192.0.2.7"),
        ]

    def test_a_wrong_password_is_kept_but_not_what_was_entered(self, db):
        kim = add_staff("kim")
        log_in("kim", "hunter2 and more")
        [row] = Entry.objects.filter(kind=Kind.FAILED_LOGIN)
        assert (row.person, row.person_name) == (kim, "kim")
        assert row.sentence == "A login as kim failed: the password was wrong."

    def test_a_password_in_the_field_of_the_name_is_kept_nowhere(self, db):
        log_in("hunter2 and more", "x")
        [row] = Entry.objects.filter(kind=Kind.FAILED_LOGIN)
        assert (row.person, row.person_name) == (None, "")
        assert "hunter2" not in row.sentence
        with connection.cursor() as cursor:
            for table in connection.introspection.django_table_names(True):
                cursor.execute(
                    f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s",  # noqa: S608
                    ["%hunter2%"],
                )
                assert cursor.fetchone() == (0,), table

    def test_the_name_stays_when_the_account_goes(self, db):
        kim = add_staff("kim")
        log_in("kim", PASSWORD)
        key = kim.pk
        kim.delete()
        row = Entry.objects.get(kind=Kind.LOGIN)
        assert (row.person_id, row.person_name) == (key, "kim")


class TestPasswords:
    def test_ones_own_is_kept(self, root, client):
        new = "quite another one"
        data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        client.post(reverse("admin:password_change"), data)
        assert kept(Kind.PASSWORD) == ["The password of root was changed."]

    def test_that_of_another_is_kept_with_who_set_it(self, root, client):
        kim = add_staff("kim")
        new = "quite another one"
        data = {"password1": new, "password2": new, "usable_password": "true"}
        page = reverse("admin:auth_user_password_change", args=[kim.pk])
        client.post(page, data)
        [row] = Entry.objects.filter(kind=Kind.PASSWORD)
        assert row.person == root
        assert row.sentence == "The password of kim was changed."
        assert new not in row.sentence

    def test_that_of_an_account_that_cannot_log_in_any_more_is_kept(self, root, client):
        kim = add_staff("kim")
        page = reverse("admin:auth_user_password_change", args=[kim.pk])
        client.post(page, {"usable_password": "false", "unset-password": "1"})
        assert kept(Kind.PASSWORD) == ["The password of kim was changed."]

    def test_one_that_a_command_changes_is_kept(self, db, monkeypatch):
        add_staff("kim")
        monkeypatch.setattr("getpass.getpass", lambda prompt: "quite another one")
        call_command("changepassword", "kim")
        [row] = Entry.objects.filter(kind=Kind.PASSWORD)
        assert (row.person, row.address) == (None, "")

    def test_one_that_is_only_hashed_anew_is_not(self, db, settings):
        kim = add_staff("kim")
        settings.PASSWORD_HASHERS = [
            "django.contrib.auth.hashers.PBKDF2PasswordHasher",
            *settings.PASSWORD_HASHERS,
        ]
        before = kim.password
        log_in("kim", PASSWORD)
        kim.refresh_from_db()
        assert kim.password != before
        assert kept(Kind.PASSWORD) == []


class TestRights:
    def test_a_group_that_somebody_is_put_into_is_kept(self, root, client):
        kim = add_staff("kim", Role.VIEWER)
        support = Group.objects.get(name=Role.SUPPORT)
        client.post(
            reverse("admin:auth_user_change", args=[kim.pk]),
            {
                "username": "kim",
                "is_active": "on",
                "groups": [support.pk],
                "date_joined_0": "2026-01-01",
                "date_joined_1": "00:00:00",
                "tenant_access-TOTAL_FORMS": 0,
                "tenant_access-INITIAL_FORMS": 0,
            },
        )
        mine = Entry.objects.filter(kind=Kind.RIGHTS, person=root)
        assert set(mine.values_list("sentence", flat=True)) == {
            "kim lost the status “staff”.",
            "kim lost: the group Viewer.",
            "kim was given: the group Support.",
        }

    def test_a_new_superuser_is_kept_whatever_made_it(self, db):
        User.objects.create_superuser("root", password=PASSWORD)
        assert kept(Kind.RIGHTS) == [
            "The account root was added: active, staff, superuser."
        ]

    def test_a_name_that_logs_in_is_kept_when_it_changes(self, db):
        kim = add_staff("kim")
        kim.username = "kimberly"
        kim.save()
        assert "The account kim was renamed to kimberly." in kept(Kind.RIGHTS)

    def test_permissions_are_kept_from_either_side(self, db):
        kim, group = add_staff("kim"), Group.objects.create(name="Team")
        right = Permission.objects.get(codename="view_user")
        group.permissions.add(right)
        kim.user_permissions.add(right)
        group.user_set.add(kim)
        kim.user_permissions.clear()
        group.permissions.set([])
        assert kept(Kind.RIGHTS)[1:] == [
            "The group Team was given: the permission “Can view user”.",
            "kim was given: the permission “Can view user”.",
            "kim was given: the group Team.",
            "kim lost: the permission “Can view user”.",
            "The group Team lost: the permission “Can view user”.",
        ]

    def test_a_group_that_is_deleted_is_kept_with_its_members(self, db):
        group = Group.objects.create(name="Team")
        group.user_set.add(add_staff("kim"), add_staff("lee"))
        group.delete()
        assert "The group Team was deleted. In it were: kim, lee." in kept(Kind.RIGHTS)

    def test_the_tenants_that_somebody_sees_are_kept(self, db):
        tenant = make_tenant()
        kim = add_staff("kim", tenants=[tenant])
        TenantAccess.objects.get(user=kim).delete()
        assert kept(Kind.RIGHTS)[1:] == [
            "kim sees only some tenants now.",
            f"kim was given: the tenant {tenant}.",
            "kim is not limited to some tenants any more.",
        ]


class TestFilesTakenAlong:
    @pytest.fixture
    def tenant(self, root):
        return make_tenant()

    @pytest.mark.parametrize(("form", "title"), [("csv", "CSV"), ("xlsx", "Excel")])
    def test_a_list_is_kept_with_its_filters(self, client, tenant, form, title):
        page = reverse("admin:sync_purchasesync_export", args=[form])
        b"".join(client.get(page, {"tenant__id__exact": tenant.pk}).streaming_content)
        [row] = Entry.objects.filter(kind=Kind.EXPORT)
        assert (row.tenant, row.tenant_name) == (tenant, tenant.name)
        assert f"“purchases” was exported as {title}: filtered by" in row.sentence

    def test_the_audit_list_itself_is_kept(self, client, root):
        answer = client.get(reverse("admin:audit_entry_export", args=["csv"]))
        assert "root logged in." in b"".join(answer.streaming_content).decode()
        assert kept(Kind.EXPORT) == [
            "The list “audit” was exported as CSV: all of them."
        ]

    def test_a_tenant_is_kept_from_page_and_command(self, client, tenant, capsys):
        client.get(reverse("admin:connector_tenant_export_file", args=[tenant.pk]))
        call_command("export_tenant", tenant.slug)
        assert kept(Kind.EXPORT) == [
            f"{tenant} was exported as JSON.",
            f"{tenant} was exported as JSON by a command.",
        ]

    def test_a_preview_is_kept(self, client, tenant):
        preview = add_preview(tenant)
        client.get(reverse("admin:sync_preview_csv", args=[preview.pk]))
        assert kept(Kind.EXPORT) == [f"{preview} was exported as CSV."]
        assert Entry.objects.get(kind=Kind.EXPORT).tenant == tenant

    def test_one_that_was_refused_is_not_kept(self, client, tenant):
        client.force_login(add_staff("kim"))
        page = reverse("admin:sync_purchasesync_export", args=["csv"])
        assert client.get(page).status_code == 403
        assert kept(Kind.EXPORT) == []


def test_a_document_that_is_downloaded_is_kept(client, tenant, pex, db):
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    purchase = add_purchase(add_run(tenant), 1)
    client.get(reverse("admin:sync_purchasesync_document", args=[purchase.pk]))
    rows = Entry.objects.filter(kind=Kind.DOCUMENT)
    assert [row.tenant for row in rows] == [tenant]


class TestStaying:
    @pytest.fixture
    def entry(self, db):
        return record(Kind.EXPORT, "Taken.")

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE audit_entry SET sentence = 'Nothing.'",
            "UPDATE audit_entry SET at = now() - interval '9 years'",
            "DELETE FROM audit_entry",
        ],
    )
    def test_the_database_refuses_to_change_or_delete(self, entry, change):
        with (
            pytest.raises(DatabaseError, match="kept as it is"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(change)
        assert kept(Kind.EXPORT) == ["Taken."]

    def test_what_is_too_old_goes_and_nothing_else(self, db, settings, monkeypatch):
        monkeypatch.setattr(pruning, "BATCH", 2)
        settings.AUDIT_RETENTION_DAYS = 30
        now = timezone.now()
        for days in (31, 32, 33, 29):
            Entry.objects.create(
                at=now - timedelta(days=days), kind=Kind.EXPORT, sentence=f"{days}"
            )
        prune()
        assert kept(Kind.EXPORT) == ["29"]

    def test_the_job_itself_removes_nothing_that_is_young(self, entry):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('audit.remove_before', %s, true)",
                [(timezone.now() - timedelta(days=1)).isoformat()],
            )
            with pytest.raises(DatabaseError), transaction.atomic():
                Entry.objects.all().delete()
        assert kept(Kind.EXPORT) == ["Taken."]

    def test_nobody_changes_it_in_the_admin(self, client, root, entry):
        for page in ("change", "delete"):
            url = reverse(f"admin:audit_entry_{page}", args=[entry.pk])
            answer = client.post(url, {"sentence": "Nothing.", "post": "yes"})
            assert answer.status_code == 403


class TestReading:
    def test_it_is_in_the_menu_of_administrators_only(self, db, client):
        page = reverse("admin:audit_entry_changelist")
        for role in Role:
            client.force_login(add_staff(role.value, role))
            menu = client.get(reverse("admin:index")).content.decode()
            assert (page in menu) == (role == Role.ADMINISTRATOR), role

    def test_it_is_filtered_by_person_tenant_kind_and_day(self, client, root):
        tenant, kim = make_tenant(), add_staff("kim")
        record(Kind.EXPORT, "Taken by kim.", tenant=tenant, person=kim)
        record(Kind.EXPORT, "Taken by root.", person=root)
        record(Kind.DOCUMENT, "A document.", person=root)
        today = timezone.localdate()
        for query, count in (
            ({"person__id__exact": kim.pk}, 1),
            ({"tenant__id__exact": tenant.pk}, 1),
            ({"kind__exact": "export"}, 2),
            ({"kind__exact": "export", "at_from": str(today)}, 2),
            ({"kind__exact": "export", "at_to": str(today - timedelta(days=2))}, 0),
        ):
            page = client.get(reverse("admin:audit_entry_changelist"), query)
            assert page.context["cl"].result_count == count, query

    def test_who_is_limited_reads_of_ones_own_tenants_only(self, client, db):
        mine = make_tenant()
        mine.slug = "mine"
        mine.save()
        foreign = make_tenant()
        record(Kind.EXPORT, "Mine was taken.", tenant=mine)
        record(Kind.EXPORT, "Foreign was taken.", tenant=foreign)
        add_staff("stranger", tenants=[foreign])
        client.force_login(add_staff("sam", Role.ADMINISTRATOR, tenants=[mine]))
        page = client.get(reverse("admin:audit_entry_changelist")).content.decode()
        assert "Mine was taken." in page
        assert "Foreign was taken." not in page
        assert "logged in" not in page
        assert "stranger" not in page


@pytest.mark.parametrize(
    ("count", "forwarded", "address"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.66, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.66, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "no address", "192.0.2.1"),
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "[2001:DB8::1]:4711", "2001:db8::1"),
    ],
)
def test_a_client_makes_up_no_address_of_its_own(settings, count, forwarded, address):
    settings.PROXY_COUNT = count
    request = RequestFactory().get(
        "/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded
    )
    assert client_address(request) == address
