"""Purchases that no sync looks at, because of their day or because PEX lists them no
longer: each says so, and says it no longer once a sync lists it."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from connector.models import Tenant
from sync.engine.run.ending import stop
from sync.engine.run.preparing import prepare
from sync.engine.run.requesting import request_run
from sync.models import Decision, PurchaseSync
from sync.models.purchase.backlog import explain_absent
from sync.rules.window import business_day
from tests.simulators.pex.answers import listing
from tests.support.driver import codes_of, execute, number_of, row_of, set_up
from tests.support.factories import make_tenant
from tests.support.rows import add_purchase, add_run, text_of
from tests.sync.engine.run.faults.test_outages import go_on

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

JOB = "Job/Dept/Eqp."
PURCHASES = reverse("admin:sync_purchasesync_changelist")


@pytest.fixture
def keeper(pex):
    """One more purchase, so that PEX's list is not empty."""
    return pex.add_purchase(amount=Decimal("1.00"), when=timezone.now())


def leave_out(tenant):
    """Syncs read today only; purchases are of two days ago."""
    set_up(tenant, start_date=business_day(timezone.now()))


def reason_of(purchase, code):
    (found,) = [each for each in row_of(purchase).reasons if each["code"] == code]
    return found


def add_blocked(pex):
    return pex.add_purchase(amount=Decimal("6.00"), tags={JOB: "99.999"})


def add_pending(tenant, pex):
    """One that was judged and not sent, because somebody stopped its run."""
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    run, step = request_run(tenant, "manual")
    prepare(step.run_id)
    stop(run, "sam")
    return purchase


def add_deferred(tenant, pex):
    purchase = pex.add_purchase(amount=Decimal("5.00"), receipts=["png"])
    pex.faults.set("attachment_error", status=500)
    execute(tenant)
    go_on(8)
    pex.faults.clear()
    assert row_of(purchase).is_deferred
    return purchase


def add_refused(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("7.00"))
    cmic.faults.set("refuse_upload", match=number_of(purchase))
    execute(tenant)
    assert row_of(purchase).status == "failed"
    return purchase


def add_lost(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("8.00"))
    cmic.faults.set("reset_before_store", times=1, match=number_of(purchase))
    execute(tenant)
    assert row_of(purchase).needs_person
    return purchase


@pytest.fixture
def open_ones(tenant, pex, cmic):
    """Every kind of purchase that waits, by the status that it has."""
    blocked = add_blocked(pex)
    return {
        "failed": add_refused(tenant, pex, cmic),
        "posting": add_lost(tenant, pex, cmic),
        "deferred": add_deferred(tenant, pex),
        "pending": add_pending(tenant, pex),
        "blocked": blocked,
    }


def test_what_waits_outside_the_window_says_so_beside_its_other_reasons(
    tenant, pex, open_ones
):
    before = {name: row_of(each) for name, each in open_ones.items()}
    leave_out(tenant)
    run = execute(tenant)
    for name in ("failed", "posting"):
        # A person decides about these whatever their day.
        assert row_of(open_ones.pop(name)).reasons == before[name].reasons
    for name, purchase in open_ones.items():
        row = row_of(purchase)
        assert row.status == before[name].status
        said = reason_of(purchase, "outside_window")["message"]
        assert f"{business_day(row.occurred_at)}" in said
        assert f"({run.window})" in said
        others = [each for each in row.reasons if each["code"] != "outside_window"]
        assert others == before[name].reasons
        assert row.reasons[0]["code"] == "outside_window"


def test_what_waits_and_is_listed_no_longer_says_so(tenant, pex, keeper, open_ones):
    for purchase in open_ones.values():
        pex.remove(purchase)
    pex.clear_calls()
    execute(tenant)
    for name, purchase in open_ones.items():
        row = row_of(purchase)
        said = reason_of(purchase, "gone_from_pex")["message"]
        assert f"{business_day(row.occurred_at)}" in said
        assert row.status == ("pending" if name == "deferred" else name)
    # Nobody asked for any of them alone.
    asked = [call.path for call in pex.calls]
    assert not any(str(each) in path for each in open_ones.values() for path in asked)


def test_a_second_sync_writes_neither_reason_again(tenant, pex, keeper):
    outside, gone = add_blocked(pex), add_blocked(pex)
    early = pex.add_purchase(
        amount=Decimal("6.00"), tags={JOB: "9"}, when=timezone.now() - timedelta(20)
    )
    execute(tenant)
    pex.remove(gone)
    set_up(tenant, start_date=business_day(timezone.now() - timedelta(days=10)))
    execute(tenant)
    rows = {each: row_of(each) for each in (gone, early)}
    assert reason_of(gone, "gone_from_pex")
    assert reason_of(early, "outside_window")
    execute(tenant)
    for purchase, row in rows.items():
        assert row_of(purchase).reasons == row.reasons
        assert row_of(purchase).updated_at == row.updated_at
    assert codes_of(outside) == {"value_unknown"}


def test_a_reason_goes_once_a_sync_lists_the_purchase_again(tenant, pex, open_ones):
    before = {name: row_of(each).reasons for name, each in open_ones.items()}
    leave_out(tenant)
    execute(tenant)
    set_up(tenant, start_date=None)
    execute(tenant)
    for name in ("failed", "posting", "blocked"):
        assert row_of(open_ones[name]).reasons == before[name]
    for name in ("pending", "deferred"):
        assert row_of(open_ones[name]).status == "completed"
        assert row_of(open_ones[name]).reasons == []


def test_a_purchase_that_is_listed_again_is_gone_no_longer(tenant, pex, cmic, keeper):
    refused = add_refused(tenant, pex, cmic)
    entry = pex.transaction(refused)
    pex.remove(refused)
    execute(tenant)
    assert codes_of(refused) == {"refused_by_cmic", "gone_from_pex"}
    pex.books.add(entry)
    execute(tenant)
    assert codes_of(refused) == {"refused_by_cmic"}


def test_what_is_gone_stays_gone_when_the_days_move_on(tenant, pex, keeper):
    gone = add_blocked(pex)
    execute(tenant)
    pex.remove(gone)
    execute(tenant)
    leave_out(tenant)
    execute(tenant)
    assert codes_of(gone) == {"value_unknown", "gone_from_pex"}


def answer_with(monkeypatch, **pages):
    """PEX says this of its pages, None that it says nothing."""
    answer = listing._details

    def changed(*arguments):
        response = answer(*arguments)
        data = json.loads(response.get_data())
        data["Pages"] = {**data["Pages"], **pages} if pages else None
        response.set_data(json.dumps(data))
        return response

    monkeypatch.setattr(listing, "_details", changed)


@pytest.mark.parametrize(
    "case", ["no row", "a row without an id", "fewer rows than PEX has", "30,000 rows"]
)
def test_a_list_that_may_lack_rows_says_of_none_that_it_is_gone(
    tenant, pex, case, monkeypatch
):
    gone = add_blocked(pex)
    kept = pex.add_purchase(amount=Decimal("1.00"))
    execute(tenant)
    pex.remove(gone)
    if case == "no row":
        pex.remove(kept)
    elif case == "a row without an id":
        pex.override(pex.add_purchase(amount=Decimal("2.00")), TransactionId="abc")
    elif case == "fewer rows than PEX has":
        answer_with(monkeypatch, TotalRecords=2)
    else:
        monkeypatch.setattr("connector.api.pex.client._MOST_ROWS", 1)
        answer_with(monkeypatch)
    run = execute(tenant)
    assert run.status == "succeeded"
    is_cut = case in ("fewer rows than PEX has", "30,000 rows")
    assert ("may be incomplete" in run.message) == is_cut
    assert codes_of(gone) == {"value_unknown"}


@pytest.mark.parametrize("says_pages", [True, False])
def test_a_list_in_several_pages_or_without_any_is_whole(
    tenant, pex, says_pages, monkeypatch
):
    gone = add_blocked(pex)
    for hours in range(4):
        moment = timezone.now() - timedelta(hours=hours + 1)
        pex.add_purchase(amount=Decimal("1.00"), when=moment)
    execute(tenant)
    pex.remove(gone)
    if says_pages:
        pex.page_size = 2
    else:
        answer_with(monkeypatch)
    execute(tenant)
    assert codes_of(gone) == {"value_unknown", "gone_from_pex"}


def test_an_empty_window_reads_no_day_and_nothing_is_gone(tenant, pex, keeper):
    blocked = add_blocked(pex)
    execute(tenant)
    set_up(tenant, start_date=business_day(timezone.now()) + timedelta(days=1))
    execute(tenant)
    assert codes_of(blocked) == {"value_unknown", "outside_window"}


def test_a_hold_that_was_released_waits_for_no_settlement_any_more(tenant, pex, keeper):
    held = pex.add_purchase(amount=Decimal("5.00"), pending=True)
    execute(tenant)
    pex.remove(held)
    execute(tenant)
    assert row_of(held).status == "skipped"
    assert codes_of(held) == {"pending", "gone_from_pex"}


@pytest.mark.parametrize("absence", ["outside", "gone"])
def test_what_nobody_has_to_act_on_is_left_alone(tenant, pex, keeper, absence):
    done = pex.add_purchase(amount=Decimal("5.00"))
    marked = pex.add_purchase(amount=Decimal("5.00"), note="Synced with CMiC")
    zero = pex.add_purchase(amount=Decimal("0.00"))
    declined = pex.add_purchase(amount=Decimal("5.00"), declined=True)
    execute(tenant)
    execute(tenant)
    quiet = [done, marked, zero, declined]
    before = [row_of(each) for each in quiet]
    if absence == "gone":
        for each in quiet:
            pex.remove(each)
    else:
        set_up(tenant, start_date=business_day(timezone.now()) + timedelta(days=1))
    execute(tenant)
    after = [row_of(each) for each in quiet]
    assert [each.reasons for each in after] == [each.reasons for each in before]
    assert [each.updated_at for each in after] == [each.updated_at for each in before]


def test_what_a_person_has_sent_again_goes_although_its_day_is_not_read(
    tenant, pex, cmic, sam
):
    refused = add_refused(tenant, pex, cmic)
    leave_out(tenant)
    execute(tenant)
    assert codes_of(refused) == {"refused_by_cmic"}
    decide = Decision.objects.make
    decide(row_of(refused), Decision.Kind.RETRY, user=sam, why="Corrected in CMiC.")
    cmic.faults.clear()
    execute(tenant)
    assert (row_of(refused).status, row_of(refused).reasons) == ("completed", [])


def test_a_purchase_in_a_workers_hands_keeps_its_reasons(tenant, pex, keeper):
    blocked = add_blocked(pex)
    execute(tenant)
    PurchaseSync.objects.filter(pex_transaction_id=blocked).update(
        claimed_by="00000000-0000-0000-0000-000000000001",
        claimed_until=timezone.now() + timedelta(hours=1),
    )
    pex.remove(blocked)
    execute(tenant)
    assert codes_of(blocked) == {"value_unknown"}


def test_a_purchase_without_a_day_or_with_one_day_outside_is_not_called_gone(tenant):
    run = add_run(tenant, "running")
    now = timezone.now()
    early = now - timedelta(days=90)
    add_purchase(run, 1, status="blocked", occurred_at=None)
    add_purchase(run, 2, status="blocked", occurred_at=now, settled_at=early)
    add_purchase(run, 3, status="blocked", occurred_at=None, settled_at=now)
    explain_absent(run, [], is_whole=True)
    assert codes_of(1) == set()
    assert codes_of(2) == {"outside_window"}
    assert f"{business_day(early)}" in row_of(2).reasons[0]["message"]
    assert codes_of(3) == {"gone_from_pex"}


def test_another_tenants_purchases_are_none_of_a_runs_business(tenant, pex, cmic):
    blocked = add_blocked(pex)
    execute(tenant)
    Tenant.objects.update(slug="other")
    run = add_run(make_tenant(pex.url, cmic.url), "running")
    explain_absent(run, [], is_whole=True)
    assert codes_of(blocked) == {"value_unknown"}


def test_pages_count_what_no_sync_looks_at_with_a_link(
    tenant, pex, keeper, admin_client
):
    blocked = add_blocked(pex)
    left = add_pending(tenant, pex)
    pex.remove(blocked)
    pex.remove(left)
    execute(tenant)
    assert codes_of(left) == {"gone_from_pex"}
    page = reverse("admin:connector_tenant_change", args=[tenant.pk])
    first = reverse("admin:index")
    for url in (page, first, reverse("admin:sync_purchasesync_causes")):
        body = " ".join(text_of(admin_client, url).split())
        assert "Gone from PEX" in body, url
    body = " ".join(text_of(admin_client, page).split())
    assert ">2</a> of them are no longer listed by PEX" in body
    link = f"{PURCHASES}?tenant__id__exact={tenant.pk}&reason=gone_from_pex"
    assert link.replace("&", "&amp;") in body
    listed = text_of(
        admin_client, PURCHASES, tenant__id__exact=tenant.pk, reason="gone_from_pex"
    )
    assert str(left) in listed
    assert str(blocked) in listed
