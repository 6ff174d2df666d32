"""What a change of settings or mappings would do, told before it is saved (F23)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from connector.api.pex.split_types import Split, TagValue
from connector.api.pex.types import Note, Purchase
from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from sync.engine.run.preparing import prepare
from sync.engine.run.requesting import request_run
from sync.models import PurchaseSync
from sync.rules.facts import from_json, to_json
from tests.connector.admin.test_tenant import answers
from tests.simulators.pex.entities import REFUND
from tests.simulators.pex.tags import JOB, PHASE
from tests.support.rows import add_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting(tenant, pex):
    """A tagged, an untagged and an unapproved purchase wait, and a refund is held."""
    refresh_all(tenant, cmic_client(tenant))
    tags = {JOB: "24.018", PHASE: "02.100"}
    pex.add_purchase(amount=Decimal("10.00"), tags=tags, approved=True)
    pex.add_purchase(amount=Decimal("20.00"), approved=True)
    pex.add_purchase(amount=Decimal("30.00"), approved=False)
    pex.add_purchase(amount=Decimal("40.00"), kind=REFUND, approved=True)
    run, _ = request_run(tenant, "manual")
    prepare(run.pk)
    tenant.mappings.filter(field="cost_code_account_category").update(
        default_value="02.100"
    )
    return tenant


def effect(client, tenant, **changes):
    same = {"mappings-4-default_value": "02.100", **changes}
    data = answers(tenant, **same)
    url = reverse("admin:connector_tenant_effect", args=[tenant.pk])
    answer = client.post(url, data).json()
    return {kind: n for kind, n in answer["counts"].items() if n}, answer["html"]


def test_nothing_changes_where_nothing_was_changed(admin_client, waiting):
    counts, html = effect(admin_client, waiting)
    assert counts == {}
    assert "Saving this changes nothing" in html


def test_another_default_changes_the_untagged_only(admin_client, waiting):
    counts, html = effect(
        admin_client, waiting, **{"mappings-3-default_value": "24.018"}
    )
    assert counts == {"changed": 2}
    assert "2 are sent otherwise" in html
    assert "017401 / 02.100 / 4000 → 24.018 / 02.100 / 4000" in html


def test_a_default_that_is_taken_away_blocks_the_untagged(admin_client, waiting):
    counts, html = effect(admin_client, waiting, **{"mappings-3-default_value": ""})
    assert counts == {"blocked": 2}
    assert "2 become blocked" in html
    assert "has no default" in html


def test_only_approved_leaves_one_out(admin_client, waiting):
    counts, _ = effect(admin_client, waiting, **{"transactions-0-approved_only": "on"})
    assert counts == {"left_out": 1}


def test_sending_refunds_unblocks_one(admin_client, waiting):
    counts, html = effect(admin_client, waiting, **{"transactions-0-refunds": "send"})
    assert counts == {"unblocked": 1}
    assert "1 is unblocked" in html


def test_another_vendor_changes_every_one_that_is_sent(admin_client, waiting):
    counts, _ = effect(admin_client, waiting, **{"transactions-0-vendor_code": "HOMED"})
    assert counts == {"changed": 3}


def test_a_start_date_leaves_out_what_is_before_it(admin_client, waiting):
    newest = PurchaseSync.objects.order_by("-occurred_at").first()
    end = newest.occurred_at.date().replace(day=1).isoformat()
    counts, _ = effect(admin_client, waiting, **{"transactions-0-end_date": end})
    assert set(counts) <= {"left_out"}


def test_what_cannot_be_saved_is_told_with_its_reason(admin_client, waiting):
    _, html = effect(admin_client, waiting, **{"mappings-3-default_value": "nowhere"})
    assert "cannot be saved yet" in html
    assert "CMiC has no job “nowhere”" in html


def test_it_calls_nobody_and_changes_nothing(admin_client, waiting, pex, cmic):
    before = list(PurchaseSync.objects.order_by("pk").values())
    waiting.pex.base_url = waiting.cmic.base_url = "http://127.0.0.1:9"
    waiting.pex.save(update_fields=["base_url"])
    waiting.cmic.save(update_fields=["base_url"])
    counts, _ = effect(admin_client, waiting, **{"mappings-3-default_value": ""})
    assert counts == {"blocked": 2}
    assert list(PurchaseSync.objects.order_by("pk").values()) == before


def test_rows_from_before_are_counted_and_not_guessed(admin_client, waiting):
    PurchaseSync.objects.update(facts=None)
    counts, html = effect(admin_client, waiting, **{"mappings-3-default_value": ""})
    assert counts == {}
    assert "4 more were seen before this could be told" in html


def test_purchases_are_listed_for_those_who_may_see_them(client, waiting):
    person: User = add_person("connector.view_tenant", "connector.change_tenant")
    client.force_login(person)
    counts, html = effect(client, waiting, **{"mappings-3-default_value": ""})
    assert counts == {"blocked": 2}
    assert "<table" not in html
    url = reverse("admin:connector_tenant_effect", args=[waiting.pk])
    assert client.get(url).status_code == 405


def test_facts_survive_the_way_through_json():
    purchase = Purchase(
        7,
        account_id=1,
        amount=Decimal("-1.10"),
        type="network",
        notes=(Note(1, "Synced with CMiC PEX-7"),),
        tags=(TagValue("a", "Job", None),),
        splits=(Split(Decimal("1.10"), (TagValue("a", "Job", "1"),)),),
        unreadable=("SettlementTime",),
    )
    again = from_json(7, to_json(purchase))
    assert again.is_marked
    assert again.tags == purchase.tags
    assert again.splits == purchase.splits
    assert to_json(again) == to_json(purchase)
