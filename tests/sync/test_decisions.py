"""A person decides about a lost answer: in the rows, the books and on the page."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from sync.models import Decision, DecisionRefusedError, PurchaseSync
from tests.driver import execute, number_of, row_of, set_up
from tests.sync.rows import LOOKING, add_person, text_of

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

IS_THERE, SEND_AGAIN = Decision.Kind.IS_THERE, Decision.Kind.SEND_AGAIN


@pytest.fixture
def lost(tenant, pex, cmic):
    """A purchase whose upload was cut off and that CMiC says it does not have."""
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    cmic.faults.set("reset_before_store", times=1, match=number_of(purchase))
    execute(tenant)
    assert row_of(purchase).needs_person
    return purchase


@pytest.fixture
def sam(db):
    return User.objects.create_user("sam")


def page(purchase, *verb):
    name = "_".join(("admin:sync_purchasesync", *verb))
    return reverse(name, args=[row_of(purchase).pk])


def test_sent_again_it_is_there_once_under_the_same_number(
    tenant, pex, cmic, lost, sam
):
    Decision.objects.make(
        row_of(lost), SEND_AGAIN, user=sam, why="Not in Image Manager."
    )
    assert execute(tenant).status == "succeeded"
    assert [invoice.number for invoice in cmic.invoices()] == [number_of(lost)]
    assert pex.markers(lost) == 1


def test_sent_again_it_goes_even_when_its_day_has_left_the_window(
    tenant, pex, cmic, lost, sam
):
    Decision.objects.make(row_of(lost), SEND_AGAIN, user=sam, why="Not there.")
    set_up(tenant, start_date=timezone.now().date())
    assert execute(tenant).status == "succeeded"
    assert row_of(lost).status == "completed"
    assert len(cmic.invoices()) == 1


def test_sent_again_although_it_was_there_doubles_nothing(tenant, pex, cmic, lost, sam):
    day = row_of(lost).invoice_on
    cmic.add_invoice(number_of(lost), Decimal("118.40"), day + timedelta(days=9))
    Decision.objects.make(row_of(lost), SEND_AGAIN, user=sam, why="I did not look.")
    execute(tenant)
    assert len(cmic.invoices()) == 1
    assert row_of(lost).status == "completed"
    assert pex.markers(lost) == 1


def test_it_is_there_leaves_only_the_marker_to_write(tenant, pex, cmic, lost, sam):
    uploads = sum(call.method == "POST" for call in cmic.calls)
    Decision.objects.make(row_of(lost), IS_THERE, user=sam, why="Seen it.")
    assert execute(tenant).status == "succeeded"
    assert row_of(lost).status == "completed"
    assert pex.markers(lost) == 1
    assert sum(call.method == "POST" for call in cmic.calls) == uploads


def test_of_two_decisions_the_second_is_refused(lost, sam):
    row = row_of(lost)
    Decision.objects.make(row, IS_THERE, user=sam, why="Seen it.")
    with pytest.raises(DecisionRefusedError, match="any more"):
        Decision.objects.make(row, SEND_AGAIN, user=sam, why="Not there.")
    assert row_of(lost).status == "posted"
    assert [each.kind for each in Decision.objects.all()] == [IS_THERE]


def test_the_page_asks_for_a_reason_and_keeps_who_decided(client, lost):
    person = add_person(*LOOKING, "sync.decide_purchase")
    client.force_login(person)
    assert "Send again" in text_of(client, page(lost, "change"))
    url = page(lost, "send_again")
    assert number_of(lost) in text_of(client, url)
    assert "required" in client.post(url, {"why": " "}).content.decode()
    assert row_of(lost).needs_person
    client.post(url, {"why": "<b>Not</b> there."})
    row = row_of(lost)
    assert (row.status, row.needs_person) == ("pending", False)
    body = text_of(client, page(lost, "change"))
    assert "&lt;b&gt;Not&lt;/b&gt; there." in body
    assert "sam" in body
    assert url not in body


def test_who_may_only_look_decides_nothing(client, lost):
    client.force_login(add_person(*LOOKING))
    assert page(lost, "send_again") not in text_of(client, page(lost, "change"))
    for verb in ("send_again", "it_is_there"):
        assert client.post(page(lost, verb), {"why": "x"}).status_code == 403
    assert row_of(lost).needs_person
    assert not Decision.objects.exists()


def test_a_purchase_that_waits_for_nobody_is_left_alone(client, tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    execute(tenant)
    client.force_login(add_person(*LOOKING, "sync.decide_purchase"))
    answer = client.post(page(purchase, "it_is_there"), {"why": "x"})
    assert answer.status_code in (302, 403)
    assert PurchaseSync.objects.get().status == "completed"
    assert not Decision.objects.exists()
