"""A PEX token is renewed in its last month, and people hear in time where it is not."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from connector.connections.token_life import token_warning
from connector.fields import UnreadableSecret
from connector.models import PexConnection, Tenant
from connector.transfer.importing import import_tenant
from sync.tasks import renew_tokens
from tests.connector.admin.test_tenant import page_of, said
from tests.support.factories import PEX_TOKEN, make_tenant, tenant_data

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")


def ends_in(pex, **left):
    pex.tokens.expire(at=timezone.now() + timedelta(**left))


def stored():
    return PexConnection.objects.get(tenant__slug="acme")


class TestRenewal:
    def test_before_the_last_month_nothing_is_renewed(self, tenant, pex):
        renew_tokens()
        assert stored().token == PEX_TOKEN
        assert stored().is_ok

    def test_in_the_last_month_a_new_token_takes_over(self, tenant, pex):
        ends_in(pex, days=20)
        renew_tokens()
        row = stored()
        assert row.token != PEX_TOKEN
        assert row.token_expires_at > timezone.now() + timedelta(days=100)
        assert PEX_TOKEN in pex.tokens.expirations
        assert token_warning(row, timezone.now()) is None

    def test_the_old_one_stays_where_the_new_one_does_not_answer(self, tenant, pex):
        ends_in(pex, days=20)
        renew = pex.tokens.renew

        def renew_to_a_dead_one(token):
            new = renew(token)
            pex.tokens.expire(new)
            return new

        pex.tokens.renew = renew_to_a_dead_one
        renew_tokens()
        row = stored()
        assert row.token == PEX_TOKEN
        assert row.is_ok
        assert "could not be renewed" in row.check_message

    def test_a_refused_renewal_is_told_with_what_to_do(
        self, tenant, pex, admin_client, caplog
    ):
        ends_in(pex, days=6, hours=1)
        pex.faults.set("server_error", match="Token/Renew")
        with caplog.at_level(logging.WARNING, logger="sync.engine.upkeep.tokens"):
            renew_tokens()
        assert stored().token == PEX_TOKEN
        for text in (caplog.text, said(admin_client.get(page_of(tenant)))):
            assert "in 6 days. The token could not be renewed" in text
            assert "enter a new token under Manage credentials" in text
        pex.faults.clear()
        renew_tokens()
        assert stored().token != PEX_TOKEN

    def test_a_token_that_somebody_replaced_meanwhile_is_left_alone(self, tenant, pex):
        ends_in(pex, days=20)
        renew = pex.tokens.renew

        def renew_late(token):
            row = stored()
            row.token = "entered by a person"
            row.save(update_fields=["token"])
            # This is a thread of the simulator's, with a connection of its own.
            connection.close()
            return renew(token)

        pex.tokens.renew = renew_late
        renew_tokens()
        assert stored().token == "entered by a person"

    def test_one_that_cannot_be_opened_costs_no_other_its_renewal(
        self, tenant, pex, cmic
    ):
        ends_in(pex, days=20)
        first, _ = import_tenant(
            {**tenant_data(pex.url, cmic.url), "slug": "aaa", "name": "First"}, {}
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE connector_pexconnection SET token = 'garbage' "
                "WHERE tenant_id = %s",
                [first.pk],
            )
        PexConnection.objects.filter(tenant=first).update(token_expires_at=None)
        renew_tokens()
        assert stored().token != PEX_TOKEN
        first = Tenant.objects.get(pk=first.pk)
        assert isinstance(first.pex.token, UnreadableSecret)


@pytest.mark.django_db
class TestWarnings:
    @pytest.mark.parametrize(
        ("days", "stage", "is_loud", "words"),
        [
            (30, 30, False, "in 29 days"),
            (14, 14, False, "in 13 days"),
            (7, 7, True, "in 6 days"),
            (1, 1, True, "in less than a day"),
            (0, 0, True, "nothing is synced"),
        ],
    )
    def test_it_grows_louder(self, admin_client, days, stage, is_loud, words):
        tenant = make_tenant()
        now = timezone.now()
        PexConnection.objects.update(
            is_ok=True,
            business_name="Acme",
            business_id=1,
            username="ann",
            token_expires_at=now + timedelta(days=days) - timedelta(seconds=1),
        )
        warning = token_warning(stored(), now)
        assert (warning.stage, warning.is_loud) == (stage, is_loud)
        assert words in warning.sentence
        assert words in said(admin_client.get(page_of(tenant)))
        colour = "label-danger" if is_loud else "label-warning"
        row = admin_client.get(reverse("admin:connector_tenant_changelist"))
        label = "token expired" if days == 0 else "token: "
        body = row.content.decode()
        assert label in body
        assert colour in body[body.index(label) - 400 : body.index(label)]

    def test_more_than_a_month_says_nothing(self):
        make_tenant()
        row = stored()
        row.token_expires_at = timezone.now() + timedelta(days=31)
        assert token_warning(row, timezone.now()) is None

    def test_a_disconnected_side_says_nothing(self):
        make_tenant()
        row = stored()
        row.token_expires_at = timezone.now()
        row.is_disconnected = True
        assert token_warning(row, timezone.now()) is None


def test_whoever_executes_hears_of_a_token_that_ends(admin_client, tenant):
    PexConnection.objects.update(token_expires_at=timezone.now() + timedelta(days=5))
    page = reverse("admin:connector_tenant_execute_one", args=[tenant.pk])
    answer = admin_client.post(page, {"confirmed": "yes"}, follow=True)
    assert "in 4 days" in said(answer)


def test_check_connection_prints_business_person_and_warning(tenant, pex, capsys):
    ends_in(pex, days=20)
    pex.faults.set("server_error", match="Token/Renew")
    call_command("check_connection", "acme")
    out = capsys.readouterr().out
    assert " as " in out
    assert "in 19 days. The token could not be renewed" in out
