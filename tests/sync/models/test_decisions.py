"""A person decides about a lost answer: in the rows, the books and on the page."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from sync.models import Decision, DecisionRefusedError, PurchaseSync
from tests.support.driver import codes_of, execute, number_of, row_of, set_up
from tests.support.rows import LOOKING, add_person, text_of

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


RETRY, MARK_SYNCED = Decision.Kind.RETRY, Decision.Kind.MARK_SYNCED


class TestRetry:
    @pytest.fixture
    def refused(self, tenant, pex, cmic):
        purchase = pex.add_purchase(amount=Decimal("7.00"))
        cmic.faults.set("refuse_upload", times=1)
        assert execute(tenant).status == "partial"
        assert row_of(purchase).status == "failed"
        return purchase

    def test_it_goes_with_the_next_sync_under_its_number(
        self, tenant, pex, cmic, refused, sam
    ):
        assert execute(tenant).status == "partial"
        assert cmic.invoices() == []
        Decision.objects.make(row_of(refused), RETRY, user=sam, why="Vendor opened.")
        assert execute(tenant).status == "succeeded"
        assert [each.number for each in cmic.invoices()] == [number_of(refused)]
        assert pex.markers(refused) == 1

    def test_it_goes_whatever_days_the_next_sync_covers(
        self, tenant, cmic, refused, sam
    ):
        Decision.objects.make(row_of(refused), RETRY, user=sam, why="Opened.")
        set_up(tenant, start_date=timezone.now().date())
        assert execute(tenant).status == "succeeded"
        assert len(cmic.invoices()) == 1

    def test_refused_again_it_is_failed_again(self, tenant, cmic, refused, sam):
        Decision.objects.make(row_of(refused), RETRY, user=sam, why="Try.")
        cmic.faults.set("refuse_upload", times=1)
        assert execute(tenant).status == "partial"
        assert row_of(refused).status == "failed"

    def test_nothing_else_is_retried(self, tenant, lost, sam):
        with pytest.raises(DecisionRefusedError, match="does not apply"):
            Decision.objects.make(row_of(lost), RETRY, user=sam, why="x")


class TestMarkAsSynced:
    def test_a_blocked_purchase_is_marked_with_the_name_and_never_sent(
        self, tenant, pex, cmic, sam
    ):
        blocked = pex.add_purchase(
            amount=Decimal("5.00"), tags={"Job/Dept/Eqp.": "999999"}
        )
        execute(tenant)
        assert row_of(blocked).status == "blocked"
        Decision.objects.make(row_of(blocked), MARK_SYNCED, user=sam, why="By hand.")
        assert execute(tenant).status == "succeeded"
        assert row_of(blocked).status == "completed"
        (note,) = pex.notes(blocked)
        assert note.startswith("Synced with CMiC (marked by sam) ")
        execute(tenant)
        assert cmic.invoices() == []
        assert pex.markers(blocked) == 1

    def test_what_is_gone_from_pex_is_completed_without_a_marker(
        self, tenant, pex, cmic, sam
    ):
        gone = pex.add_purchase(
            amount=Decimal("5.00"), tags={"Job/Dept/Eqp.": "999999"}
        )
        pex.add_purchase(amount=Decimal("6.00"))
        execute(tenant)
        pex.remove(gone)
        execute(tenant)
        assert "gone_from_pex" in codes_of(gone)
        Decision.objects.make(row_of(gone), MARK_SYNCED, user=sam, why="Cancelled.")
        assert (row_of(gone).status, row_of(gone).reasons) == ("completed", [])
        assert execute(tenant).status == "succeeded"
        assert not cmic.invoices(number_of(gone))

    def test_a_lost_answer_can_be_marked_too(self, tenant, pex, cmic, lost, sam):
        Decision.objects.make(row_of(lost), MARK_SYNCED, user=sam, why="Paid by hand.")
        execute(tenant)
        assert row_of(lost).status == "completed"
        assert cmic.invoices() == []

    def test_an_authorization_is_not_marked(self, tenant, pex, cmic, sam):
        pending = pex.add_purchase(amount=Decimal("5.00"), pending=True)
        execute(tenant)
        row = row_of(pending)
        assert {reason["code"] for reason in row.reasons} == {"pending"}
        with pytest.raises(DecisionRefusedError):
            Decision.objects.make(row, MARK_SYNCED, user=sam, why="x")

    def test_what_is_in_cmic_is_not_marked(self, tenant, pex, cmic, sam):
        purchase = pex.add_purchase(amount=Decimal("5.00"))
        execute(tenant)
        with pytest.raises(DecisionRefusedError):
            Decision.objects.make(row_of(purchase), MARK_SYNCED, user=sam, why="x")


MARKER_WRITTEN, NO_MARKER = Decision.Kind.MARKER_WRITTEN, Decision.Kind.NO_MARKER


@pytest.fixture
def unmarked(tenant, pex, cmic):
    """A purchase that is in CMiC, and that PEX has refused a note for at two syncs."""
    purchase = pex.add_purchase(amount=Decimal("9.00"))
    pex.faults.set("note_forbidden", match=str(purchase))
    execute(tenant)
    execute(tenant)
    assert row_of(purchase).needs_person
    return purchase


class TestAMarkerThatPexRefuses:
    @pytest.fixture
    def support(self, client):
        client.force_login(add_person(*LOOKING, "sync.decide_purchase"))
        return client

    def decide(self, client, purchase, verb):
        answer = client.post(page(purchase, verb), {"why": "By hand."}, follow=True)
        return answer.content.decode()

    def test_written_by_hand_it_is_complete_once_pex_shows_it(
        self, tenant, pex, cmic, unmarked, support
    ):
        pex.add_note(unmarked, "Synced with CMiC, by Ana")
        assert "it is completed" in self.decide(support, unmarked, "marker_written")
        row = row_of(unmarked)
        assert (row.status, row.needs_person, row.reasons) == ("completed", False, [])
        assert row.marker_seen_at
        assert Decision.objects.get().kind == MARKER_WRITTEN
        assert execute(tenant).counts["completed"] == 1
        assert (len(cmic.invoices()), pex.markers(unmarked)) == (1, 1)

    def test_where_pex_does_not_show_it_the_person_is_told(self, unmarked, support):
        said = self.decide(support, unmarked, "marker_written")
        assert "PEX shows no note “Synced with CMiC”" in said
        assert row_of(unmarked).needs_person
        assert not Decision.objects.exists()

    def test_where_pex_does_not_tell_the_person_is_told(self, pex, unmarked, support):
        pex.faults.set("maintenance")
        said = self.decide(support, unmarked, "marker_written")
        assert "could not be read from PEX" in said
        assert row_of(unmarked).needs_person

    def test_left_without_one_it_is_complete_and_never_sent_again(
        self, tenant, pex, cmic, unmarked, support
    ):
        self.decide(support, unmarked, "leave_without_marker")
        row = row_of(unmarked)
        assert (row.status, row.needs_person) == ("completed", False)
        pex.faults.clear()
        for _ in range(2):
            assert execute(tenant).counts["completed"] == 1
        row = row_of(unmarked)
        assert (row.status, row.generation, row.marker_seen_at) == (
            "completed",
            1,
            None,
        )
        assert (len(cmic.invoices()), pex.markers(unmarked)) == (1, 0)
        said = text_of(support, page(unmarked, "change"))
        assert "sam left it without a marker in PEX." in said
        assert "PEX has the marker" not in said
        assert "“Leave without marker” by sam" in said

    def test_once_the_right_is_granted_retry_writes_it(
        self, tenant, pex, cmic, unmarked, support
    ):
        pex.faults.clear()
        self.decide(support, unmarked, "retry")
        assert execute(tenant).status == "succeeded"
        assert row_of(unmarked).status == "completed"
        assert (len(cmic.invoices()), pex.markers(unmarked)) == (1, 1)

    def test_the_page_and_the_list_of_causes_say_what_to_do(self, unmarked, support):
        for url in (
            page(unmarked, "change"),
            reverse("admin:sync_purchasesync_causes"),
        ):
            said = text_of(support, url)
            assert "ModifyTransactionNotes" in said
            assert "press “Leave without marker”" in said
        assert "Marker refused by PEX" in said
        assert "Once it is put right" not in said

    def test_several_are_asked_of_pex_one_by_one(self, pex, tenant, unmarked, support):
        other = pex.add_purchase(amount=Decimal("3.00"))
        pex.faults.set("note_forbidden", match=str(other))
        execute(tenant)
        execute(tenant)
        pex.add_note(other, "Synced with CMiC")
        answer = support.post(
            reverse("admin:sync_purchasesync_changelist"),
            {
                "action": "marker_written_selected",
                "_selected_action": [row_of(each).pk for each in (unmarked, other)],
                "decide": "yes",
                "why": "By hand.",
            },
            follow=True,
        )
        assert (
            "on record for 1 of the 2 purchases that it applied to; it is completed."
            in answer.content.decode()
        )
        assert row_of(unmarked).needs_person
        assert row_of(other).status == "completed"
        chosen = {"_selected_action": [row_of(unmarked).pk]}
        data = {"action": "marker_written_selected", **chosen}
        url = reverse("admin:sync_purchasesync_changelist")
        asked = support.post(url, data, follow=True).content.decode()
        assert "on each of these purchases in PEX?" in asked
        assert "Marker written by hand: 1 purchase<" in asked
        none = support.post(url, {**data, "decide": "yes", "why": "x"}, follow=True)
        assert "is on record for none of the chosen" in none.content.decode()

    def test_nothing_else_is_left_without_one(self, lost, sam):
        for kind in (MARKER_WRITTEN, NO_MARKER):
            with pytest.raises(DecisionRefusedError):
                Decision.objects.make(row_of(lost), kind, user=sam, why="x")


class TestSeveral:
    @pytest.fixture
    def refused(self, tenant, pex, cmic):
        made = [pex.add_purchase(amount=Decimal(n)) for n in (1, 2, 3)]
        cmic.faults.set("refuse_upload", times=2)
        execute(tenant)
        return made

    def send(self, client, purchases, name, **more):
        rows = [row_of(each).pk for each in purchases]
        return client.post(
            reverse("admin:sync_purchasesync_changelist"),
            {"action": f"{name}_selected", "_selected_action": rows, **more},
            follow=True,
        )

    def test_a_page_says_which_it_applies_to_and_then_it_is_done(
        self, client, tenant, cmic, refused
    ):
        client.force_login(add_person(*LOOKING, "sync.decide_purchase"))
        page = self.send(client, refused, "retry").content.decode()
        assert "It applies to 2 of the 3 chosen" in page
        assert "Not to these, which stay as they are" in page
        assert not Decision.objects.exists()
        without = self.send(client, refused, "retry", decide="yes", why="")
        assert "This field is required" in without.content.decode()
        done = self.send(client, refused, "retry", decide="yes", why="Opened.")
        said = "on record for 2 purchases; the next sync takes them up."
        assert said in done.content.decode()
        assert {each.why for each in Decision.objects.all()} == {"Opened."}
        assert execute(tenant).status == "succeeded"
        assert len(cmic.invoices()) == 3

    def test_who_only_looks_decides_nothing(self, client, tenant, refused):
        client.force_login(add_person(*LOOKING))
        self.send(client, refused, "retry", decide="yes", why="Opened.")
        assert not Decision.objects.exists()


def test_each_verb_is_offered_only_where_it_applies(client, tenant, pex, cmic, lost):
    blocked = pex.add_purchase(amount=Decimal("5.00"), tags={"Job/Dept/Eqp.": "999999"})
    execute(tenant)
    client.force_login(add_person(*LOOKING, "sync.decide_purchase"))
    offered = {
        purchase: {
            verb
            for verb in ("it_is_there", "send_again", "retry", "mark_as_synced")
            if page(purchase, verb) in text_of(client, page(purchase, "change"))
        }
        for purchase in (lost, blocked)
    }
    assert offered[lost] == {"it_is_there", "send_again", "mark_as_synced"}
    assert offered[blocked] == {"mark_as_synced"}
