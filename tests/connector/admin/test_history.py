"""Who changed what of a tenant, before and after; and two people who do it at once."""

from __future__ import annotations

import re
import threading
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from fernet_fields import EncryptedField

from connector.history import entries_of
from connector.models import (
    CmicConnection,
    CredentialsChange,
    FieldMapping,
    PexConnection,
    Tenant,
    TransactionSettings,
)
from connector.transfer.importing import import_tenant
from tests.connector.admin.test_tenant import answers, page_of, said
from tests.support.factories import CMIC_PASSWORD, PEX_TOKEN, make_tenant, tenant_data

HISTORIES = [
    model.history.model for model in (Tenant, TransactionSettings, FieldMapping)
]


def lines_of(tenant):
    return [line for entry in entries_of(tenant) for line in entry.lines]


def told(client, tenant):
    url = reverse("admin:connector_tenant_history", args=[tenant.pk])
    return unescape(said(client.get(url)))


def seen_by(client, tenant):
    body = client.get(page_of(tenant)).content.decode()
    return re.search(r'name="seen" value="([^"]+)"', body)[1]


def save(client, tenant, seen, **changes):
    data = answers(
        tenant,
        **{"mappings-4-default_value": "02.100", **changes},
    )
    return client.post(page_of(tenant), data | {"seen": seen})


@pytest.fixture
def quiet(db):
    """A tenant whose page can be saved without a call to PEX or CMiC."""
    tenant = make_tenant("https://coreapi.pexcard.com", "https://a.cmiccloud.com/prod")
    PexConnection.objects.update(is_ok=True)
    CmicConnection.objects.update(is_ok=True)
    return tenant


class TestTheStory:
    def test_a_setting_is_told_with_what_it_was_and_who_changed_it(
        self, admin_client, quiet
    ):
        save(
            admin_client,
            quiet,
            seen_by(admin_client, quiet),
            **{
                "transactions-0-refunds": "send",
                "transactions-0-approved_only": "on",
                "transactions-0-end_date": "2099-03-04",
                "mappings-5-static_value": "4100",
            },
        )
        body = told(admin_client, quiet)
        settings = "Transaction settings, "
        assert f"{settings}refunds and credits: hold for a person → send as a" in body
        assert f"{settings}approved only: off → on" in body
        assert f"{settings}end date: empty → March 4, 2099" in body
        assert "Mapping of Cost Type/Tran Code, static value: 4000 → 4100" in body
        assert {entry.by for entry in entries_of(quiet)} == {"admin", "a script"}
        newest = entries_of(quiet)[0]
        assert newest.by == "admin"
        assert len([e for e in entries_of(quiet) if e.by == "admin"]) == 2

    def test_what_was_not_changed_is_not_told(self, admin_client, quiet):
        before = lines_of(quiet)
        save(admin_client, quiet, seen_by(admin_client, quiet))
        assert lines_of(quiet) == before

    def test_a_script_is_named_as_one(self, admin_client, quiet):
        import_tenant({"slug": "acme", "name": "Acme Builders"}, {})
        newest = entries_of(quiet)[0]
        assert newest.by == "a script"
        assert newest.lines == ["Name: Acme Construction → Acme Builders"]

    def test_a_name_stays_when_the_account_goes(self, admin_client, quiet):
        save(admin_client, quiet, seen_by(admin_client, quiet), name="Acme Builders")
        User.objects.all().delete()
        assert entries_of(quiet)[0].by == "admin"

    def test_a_deed_is_told_beside_the_changes(self, admin_client, quiet):
        admin_client.post(
            reverse("admin:connector_tenant_execute_one", args=[quiet.pk])
        )
        assert "Executed: run" in told(admin_client, quiet)

    def test_only_once_what_one_save_changed(self, admin_client, quiet):
        save(
            admin_client,
            quiet,
            seen_by(admin_client, quiet),
            name="Acme Builders",
            **{"transactions-0-refunds": "send"},
        )
        body = told(admin_client, quiet)
        assert body.count("Name: Acme Construction → Acme Builders") == 1

    def test_a_value_is_shown_as_text(self, admin_client, quiet):
        import_tenant({"slug": "acme", "name": "<b>Acme</b>"}, {})
        url = reverse("admin:connector_tenant_history", args=[quiet.pk])
        assert "&lt;b&gt;Acme" in admin_client.get(url).content.decode()


class TestSecrets:
    def test_they_are_told_as_changed_only(self, admin_client, quiet):
        quiet.pex.token = "a-new-token"
        quiet.pex.save()
        quiet.cmic.password = "a-new-password"
        quiet.cmic.username = "OTHER"
        quiet.cmic.save()
        body = told(admin_client, quiet)
        assert "PEX: external API token changed." in body
        assert "CMiC: user name and password changed." in body
        assert "a-new" not in body
        assert "OTHER" not in body

    def test_saving_a_connection_as_it_is_tells_nothing(self, quiet):
        before = CredentialsChange.objects.count()
        quiet.pex.refresh_from_db()
        quiet.pex.save()
        quiet.pex.save(update_fields=["tags"])
        assert CredentialsChange.objects.count() == before

    def test_no_history_has_a_column_for_one(self):
        for model in (*HISTORIES, CredentialsChange):
            assert not any(
                isinstance(column, EncryptedField) for column in model._meta.fields
            )

    def test_no_history_has_one_nor_its_ciphertext(self, quiet):
        quiet.pex.token = "a-new-token"
        quiet.pex.save()
        with connection.cursor() as cursor:
            cursor.execute("SELECT token FROM connector_pexconnection")
            ciphers = [bytes(cursor.fetchone()[0]).decode()]
            cursor.execute("SELECT password FROM connector_cmicconnection")
            ciphers.append(bytes(cursor.fetchone()[0]).decode())
            stored = ""
            for model in (*HISTORIES, CredentialsChange):
                table = model._meta.db_table
                cursor.execute(f"SELECT t::text FROM {table} t")  # noqa: S608
                stored += "\n".join(row[0] for row in cursor.fetchall())
        assert "acme" in stored
        for secret in (PEX_TOKEN, "a-new-token", CMIC_PASSWORD, *ciphers):
            assert secret not in stored


class TestTwoAtOnce:
    @pytest.fixture
    def others_client(self, db):
        User.objects.create_superuser("olga", password="x")
        client = Client()
        client.force_login(User.objects.get(username="olga"))
        return client

    def test_the_second_is_told_what_the_first_changed(
        self, admin_client, others_client, quiet
    ):
        first = seen_by(others_client, quiet)
        second = seen_by(admin_client, quiet)
        save(others_client, quiet, first, **{"transactions-0-refunds": "send"})
        answer = save(admin_client, quiet, second, name="Acme Builders")
        text = unescape(said(answer))
        assert "nothing was saved" in text
        assert "olga, " in text
        assert "refunds and credits: hold for a person → send as a" in text
        quiet.refresh_from_db()
        assert quiet.name == "Acme Construction"
        assert quiet.transactions.refunds == "send"
        assert 'value="Acme Builders"' in answer.content.decode()

    def test_having_been_told_the_second_may_save(
        self, admin_client, others_client, quiet
    ):
        first = seen_by(others_client, quiet)
        second = seen_by(admin_client, quiet)
        save(others_client, quiet, first, name="Acme East")
        answer = save(admin_client, quiet, second, name="Acme Builders")
        again = re.search(r'name="seen" value="([^"]+)"', answer.content.decode())[1]
        save(admin_client, quiet, again, name="Acme Builders")
        quiet.refresh_from_db()
        assert quiet.name == "Acme Builders"

    def test_a_script_counts_as_somebody_else(self, admin_client, quiet):
        seen = seen_by(admin_client, quiet)
        data = tenant_data(quiet.pex.base_url, quiet.cmic.base_url, refunds="send")
        import_tenant(data, {})
        answer = save(admin_client, quiet, seen, name="Acme Builders")
        assert "a script, " in said(answer)

    def test_a_save_without_a_change_is_in_nobodys_way(
        self, admin_client, others_client, quiet
    ):
        seen = seen_by(admin_client, quiet)
        save(others_client, quiet, seen_by(others_client, quiet))
        save(admin_client, quiet, seen, name="Acme Builders")
        quiet.refresh_from_db()
        assert quiet.name == "Acme Builders"

    @pytest.mark.parametrize("seen", ["", "1", "a.b.c.d", "9" * 5000])
    def test_a_mark_that_makes_no_sense_saves_nothing(self, admin_client, quiet, seen):
        answer = save(admin_client, quiet, seen, name="Acme Builders")
        assert "Open the page anew" in said(answer)
        quiet.refresh_from_db()
        assert quiet.name == "Acme Construction"


@pytest.mark.django_db(transaction=True)
def test_of_two_saves_at_the_same_moment_one_is_told():
    tenant = make_tenant("https://coreapi.pexcard.com", "https://a.cmiccloud.com/prod")
    PexConnection.objects.update(is_ok=True)
    CmicConnection.objects.update(is_ok=True)
    clients = {}
    for name in ("olga", "pat"):
        clients[name] = Client()
        clients[name].force_login(User.objects.create_superuser(name, password="x"))
    marks = {name: seen_by(client, tenant) for name, client in clients.items()}
    start, texts = threading.Barrier(2), {}

    def press_save(name):
        try:
            start.wait()
            answer = save(clients[name], tenant, marks[name], name=f"Acme {name}")
            texts[name] = unescape(said(answer))
        finally:
            connections.close_all()

    people = [threading.Thread(target=press_save, args=[name]) for name in clients]
    for person in people:
        person.start()
    for person in people:
        person.join()
    (told_name,) = [name for name, text in texts.items() if "nothing was saved" in text]
    (saved_name,) = set(clients) - {told_name}
    tenant.refresh_from_db()
    assert tenant.name == f"Acme {saved_name}"
    assert f"Name: Acme Construction → Acme {saved_name}" in texts[told_name]
