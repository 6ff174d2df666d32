"""Purchases in the admin: finding one, and its whole story."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from sync.models import SyncAttempt
from tests.support.factories import make_tenant
from tests.support.rows import (
    LOOKING,
    REFUND,
    UNKNOWN_JOB,
    add_person,
    add_purchase,
    add_run,
    text_of,
)

PURCHASES = reverse("admin:sync_purchasesync_changelist")


@pytest.fixture
def acme(db):
    return make_tenant()


class TestPurchases:
    def test_none_yet(self, admin_client):
        assert "No purchases yet" in text_of(admin_client, PURCHASES)

    def test_the_list_costs_the_same_for_any_number(
        self, admin_client, acme, django_assert_max_num_queries
    ):
        run = add_run(acme)
        for number in range(30):
            add_purchase(run, number, status="blocked", reasons=[UNKNOWN_JOB, REFUND])
        with django_assert_max_num_queries(8):
            body = text_of(admin_client, PURCHASES)
        assert body.count("value unknown + 1 more") == 30

    @pytest.mark.parametrize(
        "term",
        ["4711", "PEX-4711", "ferguson", "ruiz"],
    )
    def test_search_finds_it(self, admin_client, acme, term):
        run = add_run(acme)
        add_purchase(run, 4711, invoice_number="PEX-4711")
        add_purchase(run, 815, merchant="Hilti", cardholder="Bo Lind")
        body = text_of(admin_client, PURCHASES, q=term)
        assert "Ferguson" in body
        assert "Hilti" not in body

    @pytest.mark.parametrize("term", ["9" * 40, "²", "x y z", "%", "4711 4711"])
    def test_no_search_is_too_strange(self, admin_client, acme, term):
        add_purchase(add_run(acme), 4711)
        assert "Ferguson" not in text_of(admin_client, PURCHASES, q=term)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"reason": "refund_held"}, {"2"}),
            ({"reason": "no_such"}, set()),
            ({"status__exact": "blocked"}, {"2"}),
            ({"occurred_at_from": "2026-03-02", "occurred_at_to": "2026-03-02"}, {"1"}),
            ({"occurred_at_from": "never"}, {"1", "2"}),
        ],
    )
    def test_filters(self, admin_client, acme, query, found):
        run = add_run(acme)
        # 23:30 of March 2 in New York is March 3 in UTC.
        late = datetime(2026, 3, 3, 4, 30, tzinfo=UTC)
        add_purchase(run, 90001, occurred_at=late)
        add_purchase(
            run,
            90002,
            status="blocked",
            reasons=[REFUND],
            occurred_at=late + timedelta(hours=1),
        )
        body = text_of(admin_client, PURCHASES, **query)
        assert {number for number in "12" if f"9000{number}" in body} == found

    def test_a_page_tells_the_whole_story_and_escapes_it(self, admin_client, acme):
        run = add_run(acme)
        row = add_purchase(
            run,
            4711,
            status="blocked",
            merchant="<script>alert(1)</script>",
            reasons=[UNKNOWN_JOB, REFUND],
            warnings=["The receipt <b>was</b> shrunk."],
            lines=[
                {
                    "type": "J",
                    "codes": ["017401", "02.100", ""],
                    "sources": ["tag", "default", "static"],
                    "amount": "118.40",
                }
            ],
        )
        SyncAttempt.objects.create(
            purchase=row,
            run=run,
            invoice_number="PEX-4711",
            payload={"description": "<i>Ferguson</i>"},
            document_name="a.pdf",
            document_digest="0" * 64,
            started_at=timezone.now(),
            outcome="refused",
            answer_status=400,
            answer="<html>ORA-01403</html>",
        )
        url = reverse("admin:sync_purchasesync_change", args=[row.pk])
        body = text_of(admin_client, url)
        assert "CMiC has no job “999”." in body
        assert "This is for the cardholder." in body
        assert "A refund &lt;b&gt;held&lt;/b&gt; for a person." in body
        for raw in ("<script>alert", "<html>ORA", "<i>Ferguson", "<b>was"):
            assert raw not in body
        for words in ("tag on the purchase", "02.100", "118.40", "HTTP 400", "refused"):
            assert words in body

    def test_those_who_see_a_purchase_see_its_attempts(self, client, acme):
        client.force_login(add_person(*LOOKING))
        row = add_purchase(add_run(acme), 4711)
        SyncAttempt.objects.create(
            purchase=row,
            invoice_number="PEX-4711",
            payload={},
            document_name="a.pdf",
            document_digest="0" * 64,
            started_at=timezone.now(),
        )
        url = reverse("admin:sync_purchasesync_change", args=[row.pk])
        assert "no answer on record" in text_of(client, url)
