"""An answer that is on record counts, whoever died or lost the purchase meanwhile."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from sync.engine.run.preparing import prepare
from sync.engine.run.requesting import request_run
from sync.engine.steps import Step
from sync.models import Decision, PurchaseSync
from tests.support.driver import codes_of, drive, execute, number_of, row_of, set_up
from tests.sync.engine.run.faults.test_outages import go_on

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("setting", ["ask", "send_again"])
def test_what_cmic_accepted_is_not_sent_again_though_it_does_not_show_it_yet(
    tenant, pex, cmic, monkeypatch, setting
):
    set_up(tenant, after_lost_answer=setting)
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    _, step = request_run(tenant, "manual")
    lanes = prepare(step.run_id)
    cmic.visibility_delay = 3600.0

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(PurchaseSync, "mark_posted", die)
        with pytest.raises(Killed):
            drive(lanes)
    PurchaseSync.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    go_on(4)
    assert row_of(purchase).status == "completed"
    assert len(cmic.invoices()) == pex.markers(purchase) == 1


def test_what_was_certainly_not_sent_goes_again_though_the_worker_died(
    tenant, pex, cmic, monkeypatch
):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    _, step = request_run(tenant, "manual")
    lanes = prepare(step.run_id)

    def die(*_, **__):
        raise Killed

    cmic.faults.set("throttled", match="uploadApRegInvoice", times=1)
    with monkeypatch.context() as patch:
        patch.setattr(PurchaseSync, "take_back", die)
        with pytest.raises(Killed):
            drive(lanes)
    assert row_of(purchase).attempts.get().outcome == "not_sent"
    PurchaseSync.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    go_on(4)
    assert row_of(purchase).status == "completed"
    assert len(cmic.invoices()) == pex.markers(purchase) == 1


def test_a_404_at_a_look_up_is_unknown_and_not_absent(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    cmic.faults.set("server_error_after_store", times=1, match=number_of(purchase))
    _, step = request_run(tenant, "manual")
    lanes = prepare(step.run_id)
    cmic.faults.set("lookup_error", times=1, status=404)
    drive(lanes)
    assert not row_of(purchase).needs_person
    execute(tenant)
    assert row_of(purchase).status == "completed"
    assert len(cmic.invoices()) == 1


def keep_open(run, tenant, pex):
    """Something that the run waits for, so that it stays active."""
    PurchaseSync.objects.create(
        tenant=tenant,
        run=run,
        pex_transaction_id=pex.add_purchase(amount=Decimal("6.00")),
        status="pending",
        amount=Decimal("6.00"),
        invoice_on=timezone.now().date(),
        not_before=timezone.now() + timedelta(hours=2),
    )


def test_send_again_looks_first_also_while_the_run_is_active(tenant, pex, cmic, sam):
    lost = pex.add_purchase(amount=Decimal("118.40"))
    run, step = request_run(tenant, "manual")
    lanes = prepare(step.run_id)
    cmic.visibility_delay = 3600.0
    cmic.faults.set("reset_after_store", times=1, match=number_of(lost))
    keep_open(run, tenant, pex)
    drive(lanes)
    assert row_of(lost).needs_person
    cmic.advance(7200)
    decide = Decision.objects.make
    decide(row_of(lost), Decision.Kind.SEND_AGAIN, user=sam, why="Nobody saw it.")
    run.refresh_from_db()
    drive([Step(run.pk, run.queue, run.lane_set)])
    assert row_of(lost).status == "completed"
    assert len(cmic.invoices(number_of(lost))) == pex.markers(lost) == 1


def test_retry_looks_first_also_while_the_run_is_active(tenant, pex, cmic, sam):
    there = pex.add_purchase(amount=Decimal("118.40"))
    cmic.add_invoice(number_of(there), Decimal("99.00"), timezone.now().date())
    pex.add_purchase(amount=Decimal("6.00"))
    _, step = request_run(tenant, "manual")
    lanes = prepare(step.run_id)
    assert row_of(there).status == "failed"
    cmic.invoices(number_of(there))[0].amount = Decimal("118.40")
    decide = Decision.objects.make
    decide(row_of(there), Decision.Kind.RETRY, user=sam, why="Corrected in CMiC.")
    drive(lanes)
    assert row_of(there).status == "completed"
    assert len(cmic.invoices(number_of(there))) == pex.markers(there) == 1


def test_send_again_is_believed_where_cmic_lets_nobody_look(tenant, pex, cmic, sam):
    lost = pex.add_purchase(amount=Decimal("5.00"))
    cmic.faults.set("reset_before_store", times=1, match=number_of(lost))
    execute(tenant)
    for resource in ("apreginv", "apallvouchers"):
        cmic.faults.set("forbidden", match=resource)
    decide = Decision.objects.make
    decide(row_of(lost), Decision.Kind.SEND_AGAIN, user=sam, why="It is not there.")
    execute(tenant)
    assert row_of(lost).status == "completed"
    assert len(cmic.invoices()) == 1


@pytest.mark.parametrize("setting", ["ask", "send_again"])
def test_a_refusal_is_kept_when_the_look_up_after_it_fails(tenant, pex, cmic, setting):
    set_up(tenant, after_lost_answer=setting)
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    _, step = request_run(tenant, "manual")
    lanes = prepare(step.run_id)
    said = "Invoice already exists"
    cmic.faults.set("refuse_upload", match=number_of(purchase), message=said)
    cmic.faults.set("lookup_error", times=2)
    drive(lanes)
    go_on(5)
    row = row_of(purchase)
    assert (row.status, codes_of(purchase)) == ("failed", {"refused_by_cmic"})
    assert said in row.reasons[0]["message"]
    assert sum(call.method == "POST" for call in cmic.calls) == 1


def lose(tenant, cmic, purchase, fault="server_error_after_store"):
    """A run whose lanes will not get CMiC's answer to the upload of this purchase."""
    cmic.faults.set(fault, times=1, match=number_of(purchase))
    run, step = request_run(tenant, "manual")
    return run, prepare(step.run_id)


class TestALookUpThatCmicFailsAt:
    @pytest.mark.parametrize("status", [400, 404, 500])
    def test_for_ever_asks_a_person_with_what_cmic_answered(
        self, tenant, pex, cmic, sam, status
    ):
        lost = pex.add_purchase(amount=Decimal("5.00"))
        run, lanes = lose(tenant, cmic, lost)
        cmic.faults.set("lookup_error", match=number_of(lost), status=status)
        drive(lanes)
        go_on(6)
        row = row_of(lost)
        assert (row.status, row.needs_person) == ("posting", True)
        assert codes_of(lost) == {"lost_answer"}
        assert (
            f"CMiC failed 5 times in a row when it was asked for {row}"
            in (row.reasons[0]["message"])
        )
        assert f"CMiC answered {status}" in row.reasons[0]["message"]
        run.refresh_from_db()
        assert (run.status, run.counts["blocked"]) == ("partial", 1)
        decide = Decision.objects.make
        decide(row, Decision.Kind.IS_THERE, user=sam, why="Seen.")
        execute(tenant)
        assert row_of(lost).status == "completed"
        assert len(cmic.invoices()) == pex.markers(lost) == 1

    def test_sometimes_asks_nobody(self, tenant, pex, cmic):
        lost = pex.add_purchase(amount=Decimal("5.00"))
        _, lanes = lose(tenant, cmic, lost)
        cmic.faults.set("lookup_error", times=4, match=number_of(lost), status=404)
        drive(lanes)
        row = row_of(lost)
        assert (row.status, row.failed_lookups) == ("completed", 0)
        assert len(cmic.invoices()) == pex.markers(lost) == 1

    def test_because_it_is_away_counts_nothing(self, tenant, pex, cmic):
        lost = pex.add_purchase(amount=Decimal("5.00"))
        _, lanes = lose(tenant, cmic, lost)
        # All but the upload, which arrives.
        cmic.faults.set("maintenance", match="/rest/")
        drive(lanes)
        go_on(12)
        assert not row_of(lost).needs_person
        assert row_of(lost).failed_lookups <= 1
        cmic.faults.clear()
        go_on(4)
        assert row_of(lost).status == "completed"
        assert len(cmic.invoices()) == pex.markers(lost) == 1

    def test_stops_no_other_purchase(self, tenant, pex, cmic):
        lost = pex.add_purchase(amount=Decimal("5.00"))
        good = pex.add_purchase(amount=Decimal("6.00"))
        _, lanes = lose(tenant, cmic, lost)
        cmic.faults.set("lookup_error", match=number_of(lost), status=404)
        drive(lanes)
        assert row_of(good).status == "completed"

    def test_after_send_again_goes_once_more_because_a_person_has_looked(
        self, tenant, pex, cmic, sam
    ):
        lost = pex.add_purchase(amount=Decimal("5.00"))
        _, lanes = lose(tenant, cmic, lost, "reset_before_store")
        cmic.faults.set("lookup_error", match=number_of(lost), status=500)
        drive(lanes)
        go_on(6)
        assert row_of(lost).needs_person
        decide = Decision.objects.make
        decide(row_of(lost), Decision.Kind.SEND_AGAIN, user=sam, why="Not there.")
        execute(tenant)
        assert row_of(lost).status == "completed"
        assert len(cmic.invoices()) == pex.markers(lost) == 1

    def test_after_retry_is_a_failure_with_what_cmic_answered(
        self, tenant, pex, cmic, sam
    ):
        refused = pex.add_purchase(amount=Decimal("5.00"))
        cmic.faults.set("refuse_upload", times=1)
        execute(tenant)
        decide = Decision.objects.make
        decide(row_of(refused), Decision.Kind.RETRY, user=sam, why="Opened.")
        cmic.faults.set("lookup_error", match=number_of(refused), status=404)
        execute(tenant)
        row = row_of(refused)
        assert (row.status, codes_of(refused)) == ("failed", {"refused_by_cmic"})
        assert "CMiC answered 404" in row.reasons[0]["message"]
        assert cmic.invoices() == []
        cmic.faults.clear()
        decide(row, Decision.Kind.RETRY, user=sam, why="CMiC answers again.")
        assert execute(tenant).status == "succeeded"
        assert len(cmic.invoices()) == pex.markers(refused) == 1

    @pytest.mark.parametrize("fault", ["lookup_error", "forbidden"])
    def test_after_a_refusal_leaves_that_refusal(self, tenant, pex, cmic, fault):
        purchase = pex.add_purchase(amount=Decimal("5.00"))
        _, step = request_run(tenant, "manual")
        lanes = prepare(step.run_id)
        said = "Invoice already exists"
        cmic.faults.set("refuse_upload", match=number_of(purchase), message=said)
        cmic.faults.set(fault, match="apreginv", status=404)
        drive(lanes)
        row = row_of(purchase)
        assert (row.status, codes_of(purchase)) == ("failed", {"refused_by_cmic"})
        assert said in row.reasons[0]["message"]


def test_a_lost_answer_asks_a_person_where_the_tenant_has_said_so_meanwhile(
    tenant, pex, cmic
):
    set_up(tenant, after_lost_answer="send_again")
    pex.add_purchase(amount=Decimal("4.00"))
    execute(tenant)
    lost = pex.add_purchase(amount=Decimal("5.00"))
    _, lanes = lose(tenant, cmic, lost, "reset_before_store")
    set_up(tenant, after_lost_answer="ask")
    drive(lanes)
    assert row_of(lost).needs_person
    assert cmic.invoices(number_of(lost)) == []
