"""What asked a person goes on by itself once CMiC shows it, and else stays as it is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from connector.api.cmic.client import CmicClient
from sync.models import Decision
from tests.support.driver import drive, execute, number_of, row_of, set_up
from tests.support.rows import add_purchase, add_run
from tests.sync.engine.run.faults.test_answers import lose

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")


@pytest.fixture
def hidden(tenant, pex, cmic):
    """A purchase that CMiC has and did not show as long as it was looked up."""
    purchase = pex.add_purchase(amount=Decimal("118.40"))
    cmic.visibility_delay = 7200.0
    _, lanes = lose(tenant, cmic, purchase, "reset_after_store")
    drive(lanes)
    assert row_of(purchase).needs_person
    return purchase


def looked_up(cmic, purchase):
    """How often CMiC's registered invoices were asked for the purchase's number."""
    return sum(
        number_of(purchase) in call.query.get("q", "") and "apreginv" in call.path
        for call in cmic.calls
    )


class TestWhatAskedAPerson:
    def test_goes_on_by_itself_once_cmic_shows_it(self, tenant, pex, cmic, hidden):
        cmic.advance(86400)
        assert execute(tenant).status == "succeeded"
        assert row_of(hidden).status == "completed"
        assert len(cmic.invoices()) == pex.markers(hidden) == 1

    def test_is_not_marked_twice(self, tenant, pex, cmic, hidden):
        cmic.advance(86400)
        pex.faults.set("stale_list")
        pex.add_note(hidden, "Synced with CMiC, by hand")
        execute(tenant)
        assert row_of(hidden).status == "completed"
        assert pex.markers(hidden) == 1

    def test_stays_with_the_person_while_it_is_absent(self, tenant, cmic, hidden):
        before = row_of(hidden)
        cmic.clear_calls()
        run = execute(tenant)
        row = row_of(hidden)
        assert (row.status, row.needs_person) == ("posting", True)
        assert row.reasons == before.reasons
        assert (run.status, run.counts["blocked"]) == ("partial", 1)
        assert looked_up(cmic, hidden) == 1

    def test_goes_on_whatever_days_the_run_covers(self, tenant, pex, cmic, hidden):
        cmic.advance(86400)
        set_up(tenant, start_date=timezone.now().date())
        assert execute(tenant).status == "succeeded"
        assert row_of(hidden).status == "completed"

    def test_is_looked_for_where_it_was_sent(self, tenant, pex, cmic, hidden):
        cmic.advance(86400)
        vendors = cmic.books.contractor.vendors
        other = next(v for v in vendors if v.company == "001" and v.code != "PEX01")
        set_up(tenant, vendor_code=other.code)
        execute(tenant)
        row = row_of(hidden)
        assert (row.status, row.vendor_code) == ("completed", "PEX01")

    def test_with_another_amount_in_cmic_fails_with_both(self, tenant, cmic, hidden):
        cmic.advance(86400)
        cmic.invoices()[0].amount = Decimal("99.00")
        execute(tenant)
        assert (row_of(hidden).status, row_of(hidden).needs_person) == ("failed", False)
        assert "over 99.00" in row_of(hidden).reasons[0]["message"]

    def test_is_not_sent_again_though_the_tenant_now_has_others_sent_again(
        self, tenant, pex, cmic, hidden
    ):
        set_up(tenant, after_lost_answer="send_again")
        execute(tenant)
        assert row_of(hidden).needs_person
        assert len(cmic.invoices()) == 1

    @pytest.mark.parametrize("status", [403, 404, 500])
    def test_holds_up_no_run_when_cmic_fails_at_it(
        self, tenant, pex, cmic, hidden, status
    ):
        if status == 403:
            cmic.faults.set("forbidden", match="apreginv")
        else:
            number = number_of(hidden)
            cmic.faults.set("lookup_error", match=number, status=status)
        good = pex.add_purchase(amount=Decimal("6.00"))
        run = execute(tenant)
        assert (run.status, run.reason) == ("partial", "")
        assert row_of(good).status == "completed"
        assert row_of(hidden).needs_person

    def test_ends_no_idle_run_when_cmic_is_away(self, tenant, cmic, hidden):
        cmic.faults.set("maintenance")
        run = execute(tenant)
        assert (run.status, run.reason) == ("partial", "")
        assert row_of(hidden).needs_person

    def test_is_left_alone_once_a_person_has_decided(
        self, tenant, pex, cmic, hidden, sam, monkeypatch
    ):
        cmic.advance(86400)
        find, decide = CmicClient.find_invoices, Decision.objects.make

        def find_late(*args):
            found = find(*args)
            if row_of(hidden).needs_person:
                decide(row_of(hidden), Decision.Kind.IS_THERE, user=sam, why="Seen.")
            return found

        monkeypatch.setattr(CmicClient, "find_invoices", find_late)
        execute(tenant)
        row = row_of(hidden)
        assert (row.status, row.decisions.count()) == ("completed", 1)
        assert pex.markers(hidden) == 1


class TestAnotherAmountInCmic:
    @pytest.fixture
    def differs(self, tenant, pex, cmic):
        purchase = pex.add_purchase(amount=Decimal("118.40"))
        cmic.add_invoice(number_of(purchase), Decimal("99.00"), timezone.now().date())
        execute(tenant)
        assert row_of(purchase).status == "failed"
        return purchase

    def test_that_a_clerk_corrects_goes_on_by_itself(self, tenant, pex, cmic, differs):
        cmic.invoices()[0].amount = Decimal("118.40")
        set_up(tenant, start_date=timezone.now().date())
        assert execute(tenant).status == "succeeded"
        assert row_of(differs).status == "completed"
        assert len(cmic.invoices()) == pex.markers(differs) == 1

    def test_that_nobody_corrects_stays_a_failure(self, tenant, pex, cmic, differs):
        before = row_of(differs)
        run = execute(tenant)
        assert run.counts["failed"] == 1
        row = row_of(differs)
        assert (row.status, row.reasons) == ("failed", before.reasons)
        assert (len(cmic.invoices()), pex.markers(differs)) == (1, 0)


def test_a_cmic_that_fails_at_all_of_many_is_asked_for_few(tenant, pex, cmic):
    run = add_run(tenant)
    for number in range(1, 21):
        add_purchase(
            run,
            number,
            status="posting",
            needs_person=True,
            invoice_number=number_of(number),
        )
    cmic.faults.set("lookup_error", status=404)
    assert execute(tenant).counts["seen"] == 20
    assert sum("apreginv" in call.path for call in cmic.calls) == 4
