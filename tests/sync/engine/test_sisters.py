"""Two tenants of one PEX business send each purchase once, and a tenant whose token is
of another business sends nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from connector.connections.credentials import disconnect
from connector.connections.probing import check_pex
from connector.models import PexConnection, Tenant
from connector.transfer.importing import import_tenant
from sync.engine.judging.context import TenantContext
from sync.engine.judging.sisters import SentByOtherTenantError, claim_for_tenant
from sync.engine.judging.survey import survey
from sync.engine.preview.previews import outlook
from sync.engine.run.requesting import window_for
from sync.models import Decision, PurchaseSync
from tests.simulators.pex import PexSimulator
from tests.simulators.pex.seeding.people import BUSINESS_NAME
from tests.simulators.pex.tags import JOB
from tests.support.driver import drive, execute, number_of, prepared, set_up
from tests.support.factories import PEX_TOKEN, tenant_data
from tests.support.locks import is_anybody_waiting
from tests.support.people import add_staff
from tests.support.tags import follow

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

CODE = "sent_by_other_tenant"


@pytest.fixture
def sister(tenant, pex, cmic):
    """Another tenant of the same business, which books on another vendor."""
    return add_sister(pex, cmic)


@pytest.fixture
def other(pex):
    """A token of another business."""
    return pex.tokens.issue(31001, "Beta Builders LLC")


@pytest.fixture
def purchase(pex):
    return pex.add_purchase(amount=Decimal("5.00"))


def add_sister(pex, cmic, token=PEX_TOKEN):
    data = tenant_data(pex.url, cmic.url, vendor_code="MICR01")
    data |= {"slug": "beta", "name": "Beta Builders"}
    data["pex"]["token"] = token
    return import_tenant(data, {})[0]


def row(tenant, purchase):
    return PurchaseSync.objects.get(tenant=tenant, pex_transaction_id=purchase)


def states(tenant, purchase):
    """Status and reason codes of the purchase at a tenant."""
    found = row(tenant, purchase)
    return found.status, [reason["code"] for reason in found.reasons]


def decide(found, kind):
    user = User.objects.get_or_create(username="sam")[0]
    Decision.objects.make(found, kind, user=user, why="seen")


def previewed(tenant, purchase):
    """What a preview says of it now."""
    tenant = Tenant.objects.get(pk=tenant.pk)
    context = TenantContext(tenant)
    seen = survey(context, window_for(tenant, "manual", timezone.now()))
    [found] = [
        each for each in outlook(tenant, seen) if each.pex_transaction_id == purchase
    ]
    return found.status, [reason["code"] for reason in found.reasons]


class TestTwoTenantsOfOneBusiness:
    def test_of_two_runs_that_were_judged_at_once_one_sends_it(
        self, tenant, sister, pex, cmic, purchase
    ):
        (_, first), (late, second) = prepared(tenant), prepared(sister)
        # The note that would tell the other one is not to be seen.
        pex.faults.set("stale_list")
        drive([*first, *second])
        assert [each.number for each in cmic.invoices()] == [number_of(purchase)]
        assert states(sister, purchase) == ("blocked", [CODE])
        [reason] = row(sister, purchase).reasons
        assert "Another tenant reads the same PEX" in reason["message"]
        assert "Acme" not in str(reason)
        assert number_of(purchase) in reason["message"]
        assert reason["who"] == "support"
        late.refresh_from_db()
        assert (late.status, late.counts["blocked"]) == ("succeeded", 1)

    def test_who_may_see_the_other_tenant_is_told_its_name(
        self, tenant, sister, pex, cmic, purchase, client
    ):
        execute(tenant)
        pex.remove_note(purchase)
        execute(sister)
        assert states(sister, purchase) == ("blocked", [CODE])
        key = row(sister, purchase).pk
        url = reverse("admin:sync_purchasesync_change", args=[key])
        for name, tenants, is_told in (("all", None, True), ("one", [sister], False)):
            client.force_login(add_staff(name, "Support", tenants=tenants))
            page = client.get(url).content.decode()
            assert "Another tenant reads the same PEX business" in page
            assert ("Acme Construction" in page) == is_told

    def test_lanes_at_the_same_moment_send_each_purchase_once(
        self, tenant, sister, pex, cmic
    ):
        purchases = [pex.add_purchase(amount=Decimal("5.00")) for _ in range(12)]
        lanes = prepared(tenant)[1][:2] + prepared(sister)[1][:2]

        def work(lane):
            try:
                drive([lane])
            finally:
                connection.close()

        with ThreadPoolExecutor(len(lanes)) as pool:
            list(pool.map(work, lanes))
        numbers = sorted(each.number for each in cmic.invoices())
        assert numbers == sorted(map(number_of, purchases))
        assert {pex.markers(each) for each in purchases} == {1}

    def test_the_second_waits_for_the_first_ones_intent(self, tenant, sister, purchase):
        prepared(tenant)
        prepared(sister)
        mine, hers = row(tenant, purchase), row(sister, purchase)
        connections = {each.tenant_id: each for each in PexConnection.objects.all()}

        may_begin = threading.Event()

        def claim_late():
            may_begin.wait()
            try:
                with transaction.atomic():
                    claim_for_tenant(hers, connections[sister.pk])
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(claim_late)
            with transaction.atomic():
                claim_for_tenant(mine, connections[tenant.pk])
                may_begin.set()
                while not is_anybody_waiting():
                    assert not late.done()
                PurchaseSync.objects.filter(pk=mine.pk).update(
                    status="posting", invoice_number=number_of(purchase)
                )
            with pytest.raises(SentByOtherTenantError, match="is sending it"):
                late.result()

    def test_what_a_sister_sent_without_its_marker_is_held_when_judged(
        self, tenant, sister, pex, cmic, purchase
    ):
        pex.faults.set("server_error", match="Note")
        execute(tenant)
        assert (row(tenant, purchase).status, pex.markers(purchase)) == ("posted", 0)
        assert previewed(sister, purchase) == ("blocked", [CODE])
        execute(sister)
        assert states(sister, purchase) == ("blocked", [CODE])
        assert len(cmic.invoices()) == 1

    def test_a_marked_one_is_already_synced_and_nothing_else(
        self, tenant, sister, purchase
    ):
        execute(tenant)
        execute(sister)
        assert states(sister, purchase) == ("skipped", ["already_synced"])

    def test_what_a_person_marked_as_synced_is_taken(
        self, tenant, sister, pex, cmic, purchase
    ):
        prepared(tenant)
        decide(row(tenant, purchase), Decision.Kind.MARK_SYNCED)
        execute(sister)
        assert states(sister, purchase) == ("blocked", [CODE])
        assert "counts it as synced" in row(sister, purchase).reasons[0]["message"]
        assert cmic.invoices() == []

    def test_a_removed_marker_has_the_same_tenant_send_it_again(
        self, tenant, sister, pex, cmic, purchase
    ):
        execute(tenant)
        execute(tenant)
        pex.remove_note(purchase)
        execute(sister)
        assert states(sister, purchase) == ("blocked", [CODE])
        execute(tenant)
        numbers = [each.number for each in cmic.invoices()]
        assert numbers == [number_of(purchase), f"{number_of(purchase)}-2"]

    def test_what_both_were_refused_goes_on_where_it_began_first(
        self, tenant, sister, pex, cmic, purchase
    ):
        """As two tenants were left by a release that did not look at each other."""
        prepared(tenant)
        prepared(sister)
        for each, minutes in ((tenant, 2), (sister, 1)):
            PurchaseSync.objects.filter(tenant=each).update(
                status="failed",
                posting_at=timezone.now() - timedelta(minutes=minutes),
                invoice_number=number_of(purchase),
            )
            each.runs.update(status="failed")
            decide(row(each, purchase), Decision.Kind.RETRY)
        execute(sister)
        assert states(sister, purchase) == ("blocked", [CODE])
        execute(tenant)
        assert states(tenant, purchase) == ("completed", [])
        assert [each.vendor for each in cmic.invoices()] == ["PEX01"]

    def test_what_was_refused_goes_on_at_the_other_once_the_first_is_disconnected(
        self, tenant, sister, pex, cmic, purchase
    ):
        set_up(sister, vendor_code="GONE")
        execute(sister)
        execute(tenant)
        assert states(sister, purchase) == ("failed", ["refused_by_cmic"])
        assert states(tenant, purchase) == ("blocked", [CODE])
        disconnect(PexConnection.objects.get(tenant=sister))
        execute(tenant)
        assert states(tenant, purchase) == ("completed", [])
        assert len(cmic.invoices()) == 1

    def test_a_tenant_that_read_the_business_once_has_what_it_sent(
        self, tenant, sister, pex, cmic, other, purchase
    ):
        pex.faults.set("server_error", match="Note")
        execute(tenant)
        pex.faults.clear()
        confirm_other(tenant, other)
        execute(sister)
        assert states(sister, purchase) == ("blocked", [CODE])

    def test_tenants_of_two_businesses_do_not_hold_each_other(
        self, tenant, pex, cmic, other, purchase
    ):
        beta = add_sister(pex, cmic, other)
        pex.faults.set("stale_list")
        (_, first), (_, second) = prepared(tenant), prepared(beta)
        drive([*first, *second])
        assert [each.vendor for each in cmic.invoices()] == ["PEX01", "MICR01"]

    @pytest.mark.parametrize("amount", ["5.00", "7.00"])
    def test_equal_ids_at_two_pex_are_two_purchases_of_one_number(
        self, tenant, cmic, purchase, amount
    ):
        """The second is not taken for the first, and a person hears of it."""
        sandbox = PexSimulator.empty()
        with sandbox.serve() as server:
            twin = sandbox.add_purchase(amount=Decimal(amount))
            assert twin == purchase
            data = tenant_data(server.url, cmic.url)
            beta, _ = import_tenant({**data, "slug": "beta", "name": "Beta"}, {})
            execute(tenant)
            execute(beta)
        assert states(tenant, purchase) == ("completed", [])
        assert states(beta, twin) == ("failed", ["refused_by_cmic"])
        assert sandbox.markers(twin) == 0
        assert "Acme" not in row(beta, twin).reasons[0]["message"]

    def test_a_sister_whose_key_is_lost_is_no_trouble_of_the_others(
        self, tenant, sister, purchase
    ):
        execute(sister)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE connector_pexconnection SET token = 'garbage' "
                "WHERE tenant_id = %s",
                [sister.pk],
            )
        assert execute(tenant).status == "succeeded"


def confirm_other(tenant, token):
    """As the page does once a person has typed the other business's name."""
    pex = PexConnection.objects.get(tenant=tenant)
    for name, value in pex.leave_business(timezone.now()).items():
        setattr(pex, name, value)
    pex.token, pex.business_id, pex.business_name = token, 31001, "Beta Builders LLC"
    pex.checked_token = pex.token_mark
    pex.save()


class TestTokenOfAnotherBusiness:
    @pytest.mark.parametrize("follows", [False, True])
    def test_the_run_fails_before_anything_is_listed_or_written(
        self, tenant, pex, cmic, other, purchase, follows
    ):
        check_pex(tenant)
        if follows:
            follow(tenant, JOB)
        PexConnection.objects.update(token=other)
        pex.clear_calls()
        run = execute(tenant)
        assert run.status == "failed"
        assert "belongs to Beta Builders LLC (business 31001)" in run.message
        assert f"Acme Construction reads {BUSINESS_NAME}" in run.message
        assert {call.path.rsplit("/", 1)[-1] for call in pex.calls} == {"Current"}
        assert not PurchaseSync.objects.exists()
        PexConnection.objects.update(token=PEX_TOKEN)
        assert execute(tenant).status == "succeeded"

    def test_one_that_is_stored_while_lanes_run_ends_the_run(
        self, tenant, pex, cmic, other, purchase
    ):
        run, lanes = prepared(tenant)
        PexConnection.objects.update(token=other)
        drive(lanes)
        run.refresh_from_db()
        assert (run.status, cmic.invoices()) == ("failed", [])
        assert "belongs to Beta Builders LLC" in run.message
        assert states(tenant, purchase) == ("pending", [])

    def test_what_was_listed_before_a_confirmed_change_is_not_sent_after_it(
        self, tenant, pex, cmic, other, purchase
    ):
        run, lanes = prepared(tenant)
        confirm_other(tenant, other)
        # The other business's list does not tell of it.
        pex.remove(purchase)
        drive(lanes)
        run.refresh_from_db()
        assert (run.status, cmic.invoices()) == ("partial", [])
        assert states(tenant, purchase) == ("pending", ["gone_from_pex"])

    def test_no_note_is_written_to_a_purchase_of_the_former_business(
        self, tenant, pex, cmic, other, purchase
    ):
        pex.faults.set("server_error", match="Note")
        execute(tenant)
        pex.faults.clear()
        tenant.runs.update(status="failed")
        PurchaseSync.objects.update(not_before=None)
        confirm_other(tenant, other)
        execute(tenant)
        assert states(tenant, purchase) == ("posted", ["credentials_refused"])
        assert pex.markers(purchase) == 0

    def test_an_idle_run_asks_nobody_whose_token_it_is(self, tenant, pex, purchase):
        execute(tenant)
        execute(tenant)
        pex.clear_calls()
        execute(tenant)
        assert [call.path.rsplit("/", 1)[-1] for call in pex.calls] == [
            "AllCardholderTransactions"
        ]
