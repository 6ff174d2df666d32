"""What a person sends again from outside the window: read and judged alone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from connector import clock
from sync.engine.run import preparing
from sync.engine.run.recovery import recover
from sync.models import Decision, PurchaseSync, SyncRun
from sync.rules.window import business_day
from tests.support.driver import (
    codes_of,
    drive,
    execute,
    job_of,
    number_of,
    row_of,
    set_up,
)

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

JOB = "Job/Dept/Eqp."
FIVE = Decimal("5.00")


OUTSIDE = timedelta(days=9)


@pytest.fixture
def again(tenant, pex, cmic, sam):
    """A purchase that CMiC refused, whose day has left the window, and that a person
    has sent again; three others are new."""
    purchase = pex.add_purchase(amount=FIVE, when=clock.now() - OUTSIDE)
    cmic.faults.set("refuse_upload", times=1, message="This job is wrong")
    execute(tenant)
    set_up(tenant, start_date=business_day(clock.now()) - timedelta(days=2))
    Decision.objects.make(
        row_of(purchase), Decision.Kind.RETRY, user=sam, why="Job reopened."
    )
    for _ in range(3):
        pex.add_purchase(amount=FIVE)
    return purchase


@pytest.mark.parametrize("fault", ["server_error", "garbage_ok", "timeout"])
def test_a_list_that_fails_for_it_stops_no_other(tenant, pex, cmic, again, fault):
    pex.faults.set(fault, match="TransactionDetails", seconds=0)
    run = execute(tenant)
    assert (run.status, len(cmic.invoices())) == ("partial", 3)
    assert codes_of(again) == {"outage"}
    assert "tried again" in row_of(again).reasons[0]["message"]
    pex.faults.clear()
    assert execute(tenant).status == "succeeded"
    assert len(cmic.invoices(number_of(again))) == 1


def test_a_list_that_pex_refuses_does_not_say_that_it_is_gone(tenant, pex, again):
    pex.faults.set("server_error", match="TransactionDetails", status=403)
    execute(tenant)
    assert codes_of(again) == {"credentials_refused"}


def test_without_its_account_it_is_outside_and_not_gone(tenant, again):
    PurchaseSync.objects.update(pex_account_id=None)
    execute(tenant)
    assert codes_of(again) == {"outside_window"}


def test_what_is_gone_is_not_asked_for_in_each_run(tenant, pex, again):
    pex.remove(again)
    assert execute(tenant).status == "partial"
    assert codes_of(again) == {"gone_from_pex"}
    pex.clear_calls()
    assert execute(tenant).status == "succeeded"
    assert not any("TransactionDetails" in call.path for call in pex.calls)
    assert codes_of(again) == {"gone_from_pex"}


def test_a_limit_that_is_met_on_the_way_costs_what_was_judged_nothing(
    tenant, pex, cmic, again, sam
):
    other = pex.add_purchase(amount=FIVE, when=clock.now() - OUTSIDE)
    PurchaseSync.objects.filter(pex_transaction_id=again).update(
        occurred_at=clock.now() - OUTSIDE
    )
    run = SyncRun.objects.latest("pk")
    PurchaseSync.objects.create(
        tenant=tenant,
        run=run,
        pex_transaction_id=other,
        status="pending",
        amount=FIVE,
        resend_count=1,
        pex_account_id=row_of(again).pex_account_id,
        occurred_at=clock.now() - OUTSIDE - timedelta(days=1),
    )
    pex.faults.set("throttled", match="TransactionDetails", times=1, retry_after=30)
    run = execute(tenant)
    assert run.status == "running"
    pex.clear_calls()
    for _ in range(3):
        SyncRun.objects.active().update(resume_at=clock.now())
        drive(recover())
    run.refresh_from_db()
    asked = [call.path for call in pex.calls if "TransactionDetails" in call.path]
    assert len(asked) <= 2
    assert not run.is_active


def test_sent_again_while_the_list_is_read_it_goes_with_what_pex_says_then(
    tenant, pex, cmic, jobs, sam, monkeypatch
):
    purchase = pex.add_purchase(amount=FIVE, tags={JOB: jobs[0]})
    cmic.faults.set("refuse_upload", times=1, message="Wrong job")
    execute(tenant)
    survey = preparing.survey

    def survey_before_the_decision(*arguments):
        seen = survey(*arguments)
        if row_of(purchase).status == "failed":
            pex.change(purchase, tags={JOB: jobs[1]})
            Decision.objects.make(
                row_of(purchase), Decision.Kind.RETRY, user=sam, why="Tag corrected."
            )
        return seen

    monkeypatch.setattr(preparing, "survey", survey_before_the_decision)
    execute(tenant)
    assert job_of(cmic, purchase) == jobs[1]
