"""Keys are changed without losing a secret, and a lost key harms one tenant only."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from connector.api.exceptions import SettingsIncompleteError
from connector.connections import rotation
from connector.connections.clients import pex_client
from connector.fields import SecretField, UnreadableSecret
from connector.models import (
    CmicConnection,
    CredentialsChange,
    PexConnection,
    Tenant,
)
from connector.transfer.importing import import_tenant
from sync.engine.alert.writing import write_daily_alerts
from sync.models import Alert
from tests.support.factories import CMIC_PASSWORD, PEX_TOKEN, tenant_data

pytestmark = pytest.mark.django_db

PEX, CMIC = "https://coreapi.pexcard.com", "https://acme.cmiccloud.com"
OLD, NEW = "an old key, of many years", "a new key, of this morning"
FIELDS = [
    each
    for model in (PexConnection, CmicConnection)
    for each in model._meta.fields
    if isinstance(each, SecretField)
]


@pytest.fixture
def use(settings):
    """As after a restart with these keys, the newest first."""

    def restart(*keys):
        settings.FERNET_KEYS = list(keys)
        for each in FIELDS:
            for name in ("keys", "fernet_keys", "fernet"):
                each.__dict__.pop(name, None)

    before = settings.FERNET_KEYS
    yield restart
    restart(*before)


@pytest.fixture
def tenant(use):
    use(OLD)
    return add_tenant("acme")


def add_tenant(slug):
    return import_tenant({**tenant_data(PEX, CMIC), "slug": slug}, {})[0]


def rotate_keys(*options):
    out = StringIO()
    try:
        call_command("rotate_keys", "--json", *options, stdout=out)
    except CommandError as error:
        return json.loads(out.getvalue()), error.returncode
    return json.loads(out.getvalue()), 0


def stored():
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM connector_pexconnection ORDER BY id")
        tokens = [bytes(token) for (token,) in cursor]
        cursor.execute("SELECT password FROM connector_cmicconnection ORDER BY id")
        return tokens + [bytes(password) for (password,) in cursor]


class TestRotation:
    def test_every_secret_opens_with_the_newest_key_alone_afterwards(self, tenant, use):
        use(NEW, OLD)
        found, code = rotate_keys()
        assert found == {
            "rotated": 2,
            "already_newest": 0,
            "unreadable": [],
            "old_keys_needed": False,
        }
        assert code == 0
        use(NEW)
        assert PexConnection.objects.get().token == PEX_TOKEN
        assert CmicConnection.objects.get().password == CMIC_PASSWORD
        assert CmicConnection.objects.get().oauth_client_secret == ""

    def test_a_check_counts_and_writes_nothing(self, tenant, use):
        use(NEW, OLD)
        before = stored()
        found, _ = rotate_keys("--check")
        assert (found["rotated"], found["old_keys_needed"]) == (2, True)
        assert stored() == before
        rotate_keys()
        found, _ = rotate_keys("--check")
        assert found["already_newest"] == 2
        assert not found["old_keys_needed"]

    def test_a_second_time_nothing_is_written(self, tenant, use):
        use(NEW, OLD)
        rotate_keys()
        before = stored()
        assert rotate_keys()[0]["rotated"] == 0
        assert stored() == before

    def test_stopped_half_way_it_goes_on_where_it_was(self, tenant, use, monkeypatch):
        use(NEW, OLD)
        rotate_one = rotation._rotate_one

        def stop_at_cmic(found, model, *rest, **options):
            if model is CmicConnection:
                raise KeyboardInterrupt
            rotate_one(found, model, *rest, **options)

        with monkeypatch.context() as patched:
            patched.setattr(rotation, "_rotate_one", stop_at_cmic)
            with pytest.raises(KeyboardInterrupt):
                rotation.rotate()
        assert PexConnection.objects.get().token == PEX_TOKEN
        found = rotation.rotate()
        assert (found.rotated, found.already_newest) == (1, 1)

    def test_more_rows_than_one_portion_are_all_found(self, tenant, use, monkeypatch):
        monkeypatch.setattr(rotation, "_BATCH", 2)
        for number in range(4):
            add_tenant(f"t{number}")
        use(NEW, OLD)
        assert rotate_keys()[0]["rotated"] == 10

    def test_what_no_key_opens_is_named_and_left_as_it_is(self, tenant, use):
        use(NEW)
        before = stored()
        found, code = rotate_keys()
        assert code == 1
        assert {
            "model": "connector.pexconnection",
            "id": PexConnection.objects.get().pk,
            "field": "token",
        } in found["unreadable"]
        assert found["old_keys_needed"]
        assert stored() == before


class TestALostKey:
    @pytest.fixture
    def unreadable(self, tenant, use):
        use(NEW)
        return tenant

    def test_a_row_that_is_saved_keeps_the_secret_as_it_was_stored(
        self, unreadable, use
    ):
        before = stored()
        row = PexConnection.objects.get()
        for each in (row, copy.deepcopy(row), pickle.loads(pickle.dumps(row))):  # noqa: S301
            assert isinstance(each.token, UnreadableSecret)
            each.save()
        assert stored() == before
        use(NEW, OLD)
        assert PexConnection.objects.get().token == PEX_TOKEN

    def test_a_run_and_a_client_say_what_to_do(self, unreadable):
        with pytest.raises(SettingsIncompleteError, match="cannot be read") as caught:
            pex_client(Tenant.objects.get())
        assert "enter it again" in caught.value.message

    def test_each_page_of_the_tenant_opens_and_a_new_secret_is_taken(
        self, unreadable, admin_client
    ):
        pages = [
            reverse("admin:index"),
            reverse("admin:connector_tenant_changelist"),
            reverse("admin:connector_tenant_change", args=[unreadable.pk]),
            reverse("admin:connector_tenant_credentials", args=[unreadable.pk, "pex"]),
            reverse("admin:connector_tenant_credentials", args=[unreadable.pk, "cmic"]),
            reverse("admin:connector_tenant_execute_one", args=[unreadable.pk]),
        ]
        for page in pages:
            assert admin_client.get(page).status_code == 200, page
        shown = admin_client.get(pages[2]).content.decode()
        assert "cannot be read with the keys that are set" in shown
        row = PexConnection.objects.get()
        row.token = "another token"
        row.save()
        assert PexConnection.objects.get().token == "another token"

    def test_alerts_of_all_tenants_are_written(self, unreadable):
        other = add_tenant("other")
        Tenant.objects.update(alert_contacts="books@customer.example")
        noon = timezone.localtime().replace(hour=12)
        soon = noon + timedelta(days=5)
        PexConnection.objects.update(token_expires_at=soon, is_ok=True)
        write_daily_alerts(noon)
        assert {alert.tenant for alert in Alert.objects.all()} == {unreadable, other}

    def test_it_does_not_move_to_another_host(self, unreadable):
        row = CmicConnection.objects.get()
        before = {name: getattr(row, name) for name in row.SECRETS} | {
            "base_url": row.base_url,
            "token_url": row.token_url,
        }
        after = before | {"base_url": "https://other.cmiccloud.com"}
        assert "password" in CmicConnection.moved_secrets(before, after)

    def test_that_it_is_taken_away_is_in_the_history(self, unreadable):
        row = PexConnection.objects.get()
        row.token = ""
        row.save()
        assert CredentialsChange.objects.latest("pk").fields == ["external API token"]

    def test_a_dump_does_not_lose_it_silently(self, unreadable):
        with pytest.raises(CommandError, match="no key opens"):
            call_command("dumpdata", "connector.pexconnection", stdout=StringIO())


def test_a_secret_is_never_replaced_by_the_text_of_an_expression(tenant):
    row = PexConnection.objects.get()
    with pytest.raises(TypeError, match="by itself"), transaction.atomic():
        PexConnection.objects.bulk_update([row], ["token"])
    assert PexConnection.objects.get().token == PEX_TOKEN
