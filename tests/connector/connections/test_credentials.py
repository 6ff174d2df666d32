"""Credentials are tried before they replace the old ones, and say what was found."""

from __future__ import annotations

import json
import time

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from connector.models import (
    CmicConnection,
    CredentialsChange,
    FieldMapping,
    PexConnection,
    Tenant,
)
from sync.engine.run.requesting import RunRefusedError, request_run
from sync.models import SyncRun
from tests.connector.admin.test_tenant import page_of, said
from tests.support.factories import CMIC_PASSWORD, PEX_TOKEN

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

CMIC = {
    "auth": "basic",
    "client_id": "ACME",
    "username": "APIUSER",
    "password": CMIC_PASSWORD,
    "upload_encoding": "multipart",
    "flysheets": "{}",
}


def url_of(tenant, key, view="credentials"):
    return reverse(f"admin:connector_tenant_{view}", args=[tenant.pk, key])


def post(client, tenant, key, **data):
    """Open the page and press Save credentials, or what `data` names."""
    seen = client.get(url_of(tenant, key)).context["seen"]
    data = {"seen": seen, **(CMIC if key == "cmic" else {}), **data}
    return client.post(url_of(tenant, key), data, follow=True)


@pytest.fixture
def new(db):
    return Tenant.objects.create(slug="new", name="New Builders")


class TestWhatWorks:
    def test_pex_says_business_person_and_expiry(self, admin_client, new, pex):
        response = post(admin_client, new, "pex", base_url=pex.url, token=PEX_TOKEN)
        row = PexConnection.objects.get()
        assert (row.token, row.is_ok) == (PEX_TOKEN, True)
        assert row.tags
        assert CredentialsChange.objects.get().by == "admin"
        found = f"PEX: Connected to {row.business_name} (business {row.business_id})"
        assert found in said(response)
        assert f"as {row.username}, token until" in said(response)
        page = said(admin_client.get(url_of(new, "pex")))
        assert "Last changed" in page
        assert "by admin" in page

    def test_cmic_says_that_all_modules_answer(self, admin_client, new, cmic):
        response = post(admin_client, new, "cmic", base_url=cmic.url)
        assert CmicConnection.objects.get().is_ok
        assert "CMiC: connected; GL, AP, JC, ECM answer." in said(response)

    def test_cmic_with_oauth_works_too(self, admin_client, new, cmic):
        oauth = {
            "auth": "oauth",
            "password": "",
            "token_url": f"{cmic.url}/oauth2/token",
            "oauth_client_id": "sandbox-client",
            "oauth_client_secret": "sandbox-secret",
        }
        post(admin_client, new, "cmic", base_url=cmic.url, **oauth)
        row = CmicConnection.objects.get()
        assert (row.oauth_client_secret, row.is_ok) == ("sandbox-secret", True)

    def test_an_empty_input_keeps_the_stored_secret(
        self, admin_client, tenant, pex, cmic
    ):
        post(admin_client, tenant, "pex", base_url=pex.url, token="")
        post(admin_client, tenant, "cmic", base_url=cmic.url, password="")
        assert PexConnection.objects.get().token == PEX_TOKEN
        assert CmicConnection.objects.get().password == CMIC_PASSWORD
        assert CmicConnection.objects.get().is_ok


class TestWhatDoesNot:
    def test_a_refused_token_changes_nothing(self, admin_client, tenant, pex):
        before = PexConnection.objects.values().get()
        response = post(
            admin_client, tenant, "pex", base_url=pex.url, token="wrong-token"
        )
        assert PexConnection.objects.values().get() == before
        assert "Token expired" in said(response)
        assert "Enter it again: what was refused was not kept." in said(response)
        assert "Save anyway" in said(response)
        assert "wrong-token" not in response.content.decode()

    @pytest.mark.parametrize(
        ("fault", "module", "label", "advice"),
        [
            ("not_licensed", "gl", "not licensed", "Ask CMiC for the licence"),
            ("forbidden", "jc", "no role", "Ask the CMiC administrator to grant it"),
        ],
    )
    def test_one_module_is_told_apart(
        self, admin_client, tenant, cmic, fault, module, label, advice
    ):
        cmic.faults.set(fault, module=module)
        response = post(admin_client, tenant, "cmic", base_url=cmic.url)
        labels = [row[3] for row in response.context["modules"]]
        assert sorted(labels) == sorted(["ok", "ok", "ok", label])
        assert advice in said(response)

    def test_a_wrong_password_is_named(self, admin_client, tenant, cmic):
        response = post(
            admin_client, tenant, "cmic", base_url=cmic.url, password="wr0ng"
        )
        labels = [row[3] for row in response.context["modules"]]
        assert labels == ["wrong password"] * 4
        assert CmicConnection.objects.get().password == CMIC_PASSWORD

    def test_a_wrong_path_is_no_cmic_address(self, admin_client, tenant, cmic):
        url = cmic.url.replace("cmictest", "elsewhere")
        response = post(admin_client, tenant, "cmic", base_url=url)
        labels = [row[3] for row in response.context["modules"]]
        assert labels == ["not a CMiC address"] * 4
        assert "Copy the address from the browser" in said(response)

    def test_nobody_there_is_not_reachable(self, admin_client, tenant):
        address = "http://127.0.0.1:9/cmictest"
        response = post(admin_client, tenant, "cmic", base_url=address)
        labels = [row[3] for row in response.context["modules"]]
        assert labels == ["not reachable"] * 4

    @pytest.mark.usefixtures("transactional_db")
    def test_a_silent_cmic_holds_the_page_for_ten_seconds_at_most(
        self, admin_client, tenant, cmic, settings
    ):
        settings.HTTP_TIMEOUT = 60.0
        cmic.hold("listing", times=4)
        started = time.monotonic()
        response = post(admin_client, tenant, "cmic", base_url=cmic.url)
        took = time.monotonic() - started
        cmic.release()
        assert 8 < took < 10
        labels = [row[3] for row in response.context["modules"]]
        assert labels == ["not reachable"] * 4

    @pytest.mark.parametrize(
        "url", ["https://example.com", "http://coreapi.pexcard.com"]
    )
    def test_an_address_not_to_be_called_is_refused_at_its_field(
        self, admin_client, new, url
    ):
        response = post(admin_client, new, "pex", base_url=url, token="any")
        assert "base_url" in response.context["form"].errors
        assert not PexConnection.objects.exists()

    def test_a_stored_secret_is_never_sent_to_a_new_address(
        self, admin_client, tenant, cmic
    ):
        other = "http://127.0.0.1:9/cmictest"
        response = post(admin_client, tenant, "cmic", base_url=other, password="")
        assert "the address changed" in said(response)
        assert CmicConnection.objects.get().base_url == cmic.url

    @pytest.mark.parametrize("moved", ["token_url", "base_url"])
    def test_an_oauth_secret_goes_to_no_other_host_either(
        self, admin_client, tenant, cmic, moved
    ):
        oauth = {
            "base_url": cmic.url,
            "auth": "oauth",
            "token_url": "https://login.example.com/token",
            "oauth_client_id": "us",
        }
        CmicConnection.objects.update(**oauth)
        row = CmicConnection.objects.get()
        row.oauth_client_secret = "kept"
        row.save()
        data = {**oauth, moved: "http://127.0.0.1:9/elsewhere", "password": "x"}
        response = post(admin_client, tenant, "cmic", **data)
        assert "oauth_client_secret" in response.context["form"].errors
        assert getattr(CmicConnection.objects.get(), moved) == oauth[moved]


class TestCheckingAgain:
    def check(self, client, tenant):
        url = reverse("admin:connector_tenant_check", args=[tenant.pk])
        return said(client.post(url, follow=True))

    def test_both_sides_say_what_they_found(self, admin_client, tenant):
        text = self.check(admin_client, tenant)
        assert "PEX: Connected to Acme Construction Inc" in text
        assert "CMiC: connected; GL, AP, JC, ECM answer." in text
        assert PexConnection.objects.get().is_ok
        assert CmicConnection.objects.get().is_ok

    def test_what_was_known_of_a_side_that_fails_now_stays(
        self, admin_client, tenant, pex, cmic
    ):
        self.check(admin_client, tenant)
        pex.tokens.expire()
        cmic.faults.set("not_licensed", module="gl")
        text = self.check(admin_client, tenant)
        assert "PEX answered 401" in text
        assert "General Ledger is not licensed" in text
        row = PexConnection.objects.get()
        assert (row.is_ok, row.token) == (False, PEX_TOKEN)
        assert row.business_name
        assert row.token_expires_at
        assert not CmicConnection.objects.get().is_ok

    @pytest.mark.usefixtures("transactional_db")
    def test_two_silent_sides_are_waited_for_at_the_same_time(
        self, admin_client, tenant, pex, cmic, settings
    ):
        settings.HTTP_TIMEOUT = 60.0
        pex.faults.set("timeout", seconds=9.5)
        cmic.hold("listing", times=4)
        url = reverse("admin:connector_tenant_check", args=[tenant.pk])
        started = time.monotonic()
        admin_client.post(url)
        took = time.monotonic() - started
        cmic.release()
        assert 8 < took < 10

    def test_a_disconnected_side_is_not_asked(self, admin_client, tenant, pex, cmic):
        admin_client.post(url_of(tenant, "pex", "disconnect"))
        admin_client.post(url_of(tenant, "cmic", "disconnect"))
        text = self.check(admin_client, tenant)
        assert "Neither side is connected" in text
        assert (pex.calls, cmic.calls) == ([], [])


class TestInsisting:
    def test_the_secret_is_asked_for_again_and_then_stored(
        self, admin_client, tenant, pex
    ):
        post(admin_client, tenant, "pex", base_url=pex.url, token="wrong-token")
        insist = {"base_url": pex.url, "insist": "yes", "retype": "token"}
        response = post(admin_client, tenant, "pex", token="", **insist)
        assert "Enter it again" in said(response)
        assert "Save anyway" in said(response)
        assert PexConnection.objects.get().token == PEX_TOKEN
        response = post(admin_client, tenant, "pex", token="wrong-token", **insist)
        row = PexConnection.objects.get()
        assert (row.token, row.is_ok) == ("wrong-token", False)
        assert "saved, although they do not work" in said(response)

    def test_the_second_of_two_people_is_told(self, admin_client, tenant, pex):
        seen = admin_client.get(url_of(tenant, "pex")).context["seen"]
        post(admin_client, tenant, "pex", base_url=pex.url, token=PEX_TOKEN)
        before = PexConnection.objects.values().get()
        data = {"seen": seen, "base_url": pex.url, "token": PEX_TOKEN}
        response = admin_client.post(url_of(tenant, "pex"), data)
        assert "somebody else changed these credentials" in said(response)
        assert PexConnection.objects.values().get() == before


class TestDisconnecting:
    @pytest.mark.parametrize("key", ["pex", "cmic"])
    def test_secrets_go_and_the_rest_stays(self, admin_client, tenant, key):
        Tenant.objects.update(auto_sync=True, next_auto_sync_at=timezone.now())
        page = admin_client.get(url_of(tenant, key, "disconnect"))
        assert "cannot be brought back" in said(page)
        assert not getattr(Tenant.objects.get(), key).is_disconnected
        admin_client.post(url_of(tenant, key, "disconnect"))
        row = getattr(Tenant.objects.get(), key)
        assert [getattr(row, name) for name in row.SECRETS] == [""] * len(row.SECRETS)
        assert row.base_url
        assert not row.tenant.auto_sync
        assert row.tenant.next_auto_sync_at is None
        assert FieldMapping.objects.count() == 6
        for trigger in (SyncRun.Trigger.MANUAL, SyncRun.Trigger.AUTO):
            with pytest.raises(RunRefusedError, match="is disconnected"):
                request_run(Tenant.objects.get(), trigger)

    def test_connecting_again_works(self, admin_client, tenant, pex):
        admin_client.post(url_of(tenant, "pex", "disconnect"))
        post(admin_client, tenant, "pex", base_url=pex.url, token=PEX_TOKEN)
        tenant = Tenant.objects.get()
        assert tenant.pex.is_ok
        assert tenant.missing_settings() == []


class TestWhoMay:
    @pytest.mark.parametrize("view", ["credentials", "disconnect"])
    def test_without_the_permission_of_the_connection_nobody_gets_in(
        self, client, tenant, view
    ):
        person = User.objects.create_user("sam", password="x", is_staff=True)
        person.user_permissions.set(
            Permission.objects.filter(
                codename__in=["view_tenant", "change_tenant", "view_pexconnection"]
            )
        )
        client.force_login(person)
        assert client.get(url_of(tenant, "pex", view)).status_code == 403
        assert client.post(url_of(tenant, "pex", view)).status_code == 403
        assert PexConnection.objects.get().token == PEX_TOKEN


def test_no_secret_is_in_a_page_a_message_a_session_or_the_history(
    admin_client, tenant, pex, cmic, caplog
):
    caplog.set_level("DEBUG")
    entered = ("typed-token-1", "typed-password-2", PEX_TOKEN, CMIC_PASSWORD)
    pages = [
        post(admin_client, tenant, "pex", base_url=pex.url, token=entered[0]),
        post(admin_client, tenant, "cmic", base_url=cmic.url, password=entered[1]),
        post(admin_client, tenant, "pex", base_url="http://x", token=entered[0]),
        post(admin_client, tenant, "pex", base_url=pex.url, token=PEX_TOKEN),
        post(admin_client, tenant, "cmic", base_url=cmic.url),
        post(
            admin_client,
            tenant,
            "cmic",
            base_url=cmic.url,
            password=entered[1],
            insist="yes",
        ),
        *[admin_client.get(url_of(tenant, key)) for key in ("pex", "cmic")],
        admin_client.get(page_of(tenant)),
        admin_client.get(reverse("admin:connector_tenant_history", args=[tenant.pk])),
    ]
    assert CmicConnection.objects.get().password == entered[1]
    kept = [json.dumps(session.get_decoded()) for session in Session.objects.all()]
    kept += [entry.change_message for entry in LogEntry.objects.all()]
    kept += [cookie.value for cookie in admin_client.cookies.values()]
    everything = " ".join(
        [*kept, caplog.text, *(page.content.decode() for page in pages)]
    )
    assert [secret for secret in entered if secret in everything] == []


def test_the_command_prints_the_same_sentences(tenant, cmic, capsys):
    cmic.faults.set("unauthorised")
    with pytest.raises(SystemExit):
        call_command("check_connection", "acme", as_json=True)
    answer = json.loads(capsys.readouterr().out)
    assert answer["pex"]["ok"]
    assert [module["name"] for module in answer["cmic"]["modules"]] == [
        "gl",
        "ap",
        "jc",
        "ecm",
    ]
    (sentence,) = {module["message"] for module in answer["cmic"]["modules"]}
    assert sentence == CmicConnection.objects.get().check_message
