"""A tenant reads one PEX business: the token of another one is used by nobody unless a
person says so by its name, and two tenants of one business are warned."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from connector.api.exceptions import ConnectorError
from connector.codes.tag_making import read_tags
from connector.connections.business import OtherBusinessError, sister_warning
from connector.connections.clients import pex_client
from connector.connections.probing import check_pex
from connector.models import CredentialsChange, PexConnection, Tenant
from connector.transfer.importing import import_tenant
from sync.tasks import renew_tokens
from tests.connector.admin.test_tenant import page_of, said
from tests.connector.connections.test_credentials import post, url_of
from tests.simulators.pex import PexSimulator
from tests.simulators.pex.seeding.people import BUSINESS_ID, BUSINESS_NAME
from tests.support.factories import PEX_TOKEN, tenant_data
from tests.support.people import add_staff

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

OTHER_ID, OTHER_NAME = 31001, "Beta Builders LLC"


@pytest.fixture
def other(pex):
    """A token of another business."""
    return pex.tokens.issue(OTHER_ID, OTHER_NAME)


@pytest.fixture
def acme(tenant):
    """The tenant, after PEX has told whose its token is."""
    check_pex(tenant)
    return Tenant.objects.get(pk=tenant.pk)


def stored():
    return PexConnection.objects.get(tenant__slug="acme")


def listings(pex):
    return [call for call in pex.calls if "Token" not in call.path]


def add_sister(pex, slug="beta", name="Beta Builders"):
    """Another tenant of the same business, as far as PEX has told."""
    data = tenant_data(pex.url, "http://127.0.0.1:9/cmictest")
    tenant, _ = import_tenant({**data, "slug": slug, "name": name}, {})
    check_pex(tenant)
    return tenant


class TestCredentialsPage:
    def test_a_token_of_another_business_is_not_stored_without_its_name(
        self, admin_client, acme, pex, other
    ):
        before = PexConnection.objects.values().get()
        answer = post(admin_client, acme, "pex", base_url=pex.url, token=other)
        text = said(answer)
        assert "does not belong to the PEX business that Acme Construction" in text
        assert f"reads {BUSINESS_NAME} (business {BUSINESS_ID})" in text
        assert f"belongs to {OTHER_NAME} (business {OTHER_ID})" in text
        assert f"Type “{OTHER_NAME}” to confirm" in text
        assert other not in answer.content.decode()
        assert PexConnection.objects.values().get() == before

    @pytest.mark.parametrize(
        "confirmed",
        [
            {"business": OTHER_ID, "business_name": BUSINESS_NAME},
            {"business": OTHER_ID, "business_name": ""},
            {"business": OTHER_ID + 1, "business_name": OTHER_NAME},
            {"business_name": OTHER_NAME},
        ],
    )
    def test_another_name_or_number_confirms_nothing(
        self, admin_client, acme, pex, other, confirmed
    ):
        data = {"base_url": pex.url, "token": other, **confirmed}
        post(admin_client, acme, "pex", **data)
        assert (stored().token, stored().business_id) == (PEX_TOKEN, BUSINESS_ID)

    def test_the_name_of_the_new_business_confirms_it(
        self, admin_client, acme, pex, other
    ):
        PexConnection.objects.update(
            cardholders={"880101": "Lee"}, cardholders_read_at=timezone.now()
        )
        data = {"business": OTHER_ID, "business_name": "  beta builders llc "}
        answer = post(admin_client, acme, "pex", base_url=pex.url, token=other, **data)
        assert f"Connected to {OTHER_NAME} (business {OTHER_ID})" in said(answer)
        row = stored()
        assert (row.token, row.business_id, row.is_ok) == (other, OTHER_ID, True)
        assert (row.cardholders, row.cardholders_read_at) == ({}, None)
        assert [each["number"] for each in row.former_businesses] == [BUSINESS_ID]
        assert "PEX business" in CredentialsChange.objects.last().fields
        assert OTHER_NAME in LogEntry.objects.latest("pk").change_message
        assert pex_client(Tenant.objects.get())

    def test_save_anyway_stores_no_token_of_another_business(
        self, admin_client, acme, pex, other
    ):
        data = {"base_url": pex.url, "token": other, "insist": "yes"}
        post(admin_client, acme, "pex", **data)
        assert stored().token == PEX_TOKEN

    def test_a_token_stored_while_pex_was_down_is_found_out_before_it_is_used(
        self, admin_client, acme, pex, other
    ):
        pex.faults.set("server_error")
        data = {"base_url": pex.url, "token": other, "insist": "yes"}
        post(admin_client, acme, "pex", **data)
        pex.faults.clear()
        assert stored().token == other
        pex.clear_calls()
        with pytest.raises(OtherBusinessError):
            read_tags(Tenant.objects.get())
        assert listings(pex) == []
        assert (stored().business_id, stored().is_ok) == (BUSINESS_ID, False)

    def test_a_new_tenant_takes_the_first_business(self, admin_client, tenant, pex):
        post(admin_client, tenant, "pex", base_url=pex.url, token=PEX_TOKEN)
        assert stored().business.title == BUSINESS_NAME

    def test_the_business_is_remembered_while_disconnected(
        self, admin_client, acme, pex, other
    ):
        admin_client.post(url_of(acme, "pex", "disconnect"))
        post(admin_client, acme, "pex", base_url=pex.url, token=other)
        assert stored().token == ""
        post(admin_client, acme, "pex", base_url=pex.url, token=PEX_TOKEN)
        assert stored().token == PEX_TOKEN

    def test_the_same_number_at_another_pex_is_another_business(
        self, admin_client, acme, pex
    ):
        sandbox = PexSimulator.empty()
        with sandbox.serve() as server:
            data = {"base_url": server.url, "token": PEX_TOKEN}
            text = said(post(admin_client, acme, "pex", **data))
            assert f"at {server.url}" in text
            assert stored().base_url == pex.url
            confirmed = {"business": BUSINESS_ID, "business_name": BUSINESS_NAME}
            post(admin_client, acme, "pex", **data, **confirmed)
            assert stored().base_url == server.url

    def test_a_business_that_pex_does_not_tell_is_not_taken_for_the_tenants(
        self, admin_client, acme, pex, monkeypatch
    ):
        monkeypatch.setattr(pex.tokens, "business_of", lambda token: (None, ""))
        text = said(post(admin_client, acme, "pex", base_url=pex.url, token=PEX_TOKEN))
        assert "PEX did not say which business the token belongs to" in text
        check = reverse("admin:connector_tenant_check", args=[acme.pk])
        admin_client.post(check)
        assert (stored().business_id, stored().is_ok) == (BUSINESS_ID, False)


class TestBehindTheForm:
    def test_check_both_sides_says_whose_token_it_is(
        self, admin_client, acme, pex, other
    ):
        PexConnection.objects.update(token=other)
        url = reverse("admin:connector_tenant_check", args=[acme.pk])
        text = said(admin_client.post(url, follow=True))
        assert f"The PEX token belongs to {OTHER_NAME} (business {OTHER_ID})" in text
        assert (stored().business_id, stored().is_ok) == (BUSINESS_ID, False)

    def test_check_connection_fails_with_the_sentence(self, acme, pex, other, capsys):
        PexConnection.objects.update(token=other)
        with pytest.raises(SystemExit):
            call_command("check_connection", "acme")
        assert f"but Acme Construction reads {BUSINESS_NAME}" in capsys.readouterr().out

    def test_a_renewal_that_brings_another_business_keeps_the_old_token(
        self, acme, pex, other, monkeypatch
    ):
        pex.tokens.expire(PEX_TOKEN, at=timezone.now() + timedelta(days=20))
        monkeypatch.setattr(pex.tokens, "renew", lambda token: other)
        renew_tokens()
        assert (stored().token, stored().business_id) == (PEX_TOKEN, BUSINESS_ID)
        assert f"The PEX token belongs to {OTHER_NAME}" in stored().check_message

    def test_the_daily_look_mails_that_the_token_is_of_another_business(
        self, acme, pex, other, settings
    ):
        settings.ALERT_SUPPORT_ADDRESSES = ["support@example.com"]
        PexConnection.objects.update(token=other)
        renew_tokens()
        [alert] = acme.alerts.all()
        assert OTHER_NAME in alert.causes[0]["detail"]

    def test_a_token_that_was_checked_is_not_asked_about_again(self, acme, pex):
        pex.clear_calls()
        pex_client(acme)
        pex_client(Tenant.objects.get())
        assert pex.calls == []

    def test_an_address_that_changed_under_the_token_has_it_checked_again(self, acme):
        PexConnection.objects.update(base_url="http://127.0.0.1:9")
        with pytest.raises(ConnectorError):
            pex_client(Tenant.objects.get())

    def test_two_first_checks_with_two_businesses_leave_one(self, tenant, pex, other):
        first, second = stored(), stored()
        second.token = other
        assert first.business is None
        check_pex(first.tenant)
        PexConnection.objects.update(token=other)
        late = Tenant.objects.get()
        late.pex = second
        with pytest.raises(OtherBusinessError):
            pex_client(late)
        assert stored().business_id == BUSINESS_ID


class TestSisters:
    def test_a_tenant_alone_with_its_business_is_warned_of_nothing(self, acme):
        assert sister_warning(acme) == ""

    def test_each_of_two_tenants_of_one_business_names_the_other(
        self, admin_client, acme, pex
    ):
        beta = add_sister(pex)
        words = "reads the same PEX business as"
        assert f"Beta Builders {words} Acme Construction" in said(
            admin_client.get(page_of(acme))
        )
        assert f"Acme Construction {words} Beta Builders" in said(
            admin_client.get(page_of(beta))
        )

    def test_a_tenant_that_the_person_may_not_see_is_not_named(self, client, acme, pex):
        add_sister(pex)
        add_sister(pex, "gamma", "Gamma")
        client.force_login(add_staff("sam", "Viewer", tenants=[acme]))
        text = said(client.get(page_of(acme)))
        assert "2 other tenants read the same PEX business" in text
        assert "Beta" not in text

    def test_saving_credentials_tells_of_the_other_tenant(
        self, admin_client, acme, pex
    ):
        add_sister(pex)
        answer = post(admin_client, acme, "pex", base_url=pex.url, token=PEX_TOKEN)
        [warning] = [
            each.message
            for each in answer.context["messages"]
            if "same PEX business" in each.message
        ]
        assert warning.startswith("Beta Builders reads")

    def test_check_connection_tells_people_and_keeps_its_json(self, acme, pex, capsys):
        add_sister(pex)
        call_command("check_connection", "acme")
        assert "Beta Builders reads the same PEX business" in capsys.readouterr().out
        call_command("check_connection", "acme", as_json=True)
        data = json.loads(capsys.readouterr().out)
        assert set(data) == {"pex", "cmic"}
        assert set(data["pex"]) == {"ok", "business", "expires_at"}

    def test_a_disconnected_tenant_is_no_reason_to_warn(self, admin_client, acme, pex):
        beta = add_sister(pex)
        admin_client.post(url_of(beta, "pex", "disconnect"))
        assert sister_warning(acme) == ""

    def test_equal_numbers_at_two_pex_are_two_businesses(self, acme):
        sandbox = PexSimulator.empty()
        with sandbox.serve() as server:
            add_sister(server)
            assert sister_warning(acme) == ""
