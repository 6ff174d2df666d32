"""The first page and the page of causes: numbers, links, limits and their cost."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from connector.api.cmic.types import CodeKind
from connector.api.pex.reading import EASTERN
from connector.models import CmicCode, Tenant
from sync.models import Heartbeat, PurchaseSync
from sync.rules.reasons import Reason, ReasonCode, Who, cause_key
from sync.tasks import start_due_runs
from tests.support.factories import make_tenant
from tests.support.people import add_staff
from tests.support.rows import (
    LOOKING,
    REFUND,
    add_person,
    add_purchase,
    add_run,
    text_of,
)

JOB = "Job/Dept/Eqp."
UNKNOWN = Reason(
    ReasonCode.VALUE_UNKNOWN,
    f"{JOB}: CMiC has no job “24-0999” (tag).",
    Who.CARDHOLDER,
    field=JOB,
    kind="job",
    value="24-0999",
).to_json()
OTHER = {**UNKNOWN, "message": f"{JOB}: CMiC has no job “77” (tag).", "value": "77"}
INDEX = "/admin/"
CAUSES = "/admin/sync/purchasesync/causes/"


def nearest_of(row):
    return tuple(near.code for near in row["cause"].guess.nearest)


@pytest.fixture
def looking(client, db):
    client.force_login(add_person(*LOOKING))
    return client


def words_of(client, url):
    return " ".join(strip_tags(text_of(client, url).replace("<", " <")).split())


def block(run, number, *reasons, **values):
    return add_purchase(run, number, status="blocked", reasons=list(reasons), **values)


def numbers_in(client, url):
    rows = client.get(url).context["cl"].result_list
    return {row.pex_transaction_id for row in rows}


class TestCauses:
    def test_the_database_names_a_cause_as_python_does(self, db):
        place = {**UNKNOWN, "code": "combination_invalid", "place": ["1", "02 | x"]}
        reasons = [UNKNOWN, OTHER, place, {**place, "place": ["1"]}, REFUND]
        row = block(add_run(make_tenant()), 1, *reasons)
        row.refresh_from_db()
        assert sorted(row.causes) == sorted(cause_key(each) for each in reasons)
        assert len(set(row.causes)) == 5
        plain = add_purchase(row.run, 2)
        plain.refresh_from_db()
        assert plain.causes == []

    def test_a_thousand_reasons_do_not_break_the_row(self, db):
        reasons = [{**UNKNOWN, "value": str(number)} for number in range(1000)]
        row = block(add_run(make_tenant()), 1, *reasons, cardholder="x" * 200)
        row.refresh_from_db()
        assert len(row.causes) == 20

    def test_one_counts_under_each_of_its_reasons_and_links_to_all(self, looking):
        run = add_run(make_tenant())
        block(run, 90001, UNKNOWN)
        block(run, 90002, UNKNOWN, OTHER, amount=Decimal("10"))
        block(run, 90003, OTHER)
        add_purchase(run, 90004)
        rows = {row["what"]: row for row in looking.get(CAUSES).context["rows"]}
        first, second = rows[f"{JOB}: 24-0999"], rows[f"{JOB}: 77"]
        assert (first["cause"].count, first["cause"].alone) == (2, 1)
        assert (second["cause"].count, second["cause"].alone) == (2, 1)
        assert first["amount"] == "128.40"
        assert numbers_in(looking, first["url"]) == {90001, 90002}
        assert numbers_in(looking, second["url"]) == {90002, 90003}
        said = words_of(looking, CAUSES)
        assert "Once it is put right, 1 goes with the next sync; the others" in said
        assert "Choose another value in PEX, or create it in CMiC" in said

    def test_those_that_say_more_of_each_still_have_one_cause(self, looking):
        run = add_run(make_tenant())
        lost = {"code": "lost_answer", "who": "support"}
        for number in (1, 2):
            add_purchase(
                run,
                number,
                status="posting",
                needs_person=True,
                invoice_number=f"PEX-{number}",
                reasons=[{**lost, "message": f"CMiC has no PEX-{number}."}],
            )
        [row] = looking.get(CAUSES).context["rows"]
        assert row["cause"].count == 2
        assert numbers_in(looking, row["url"]) == {1, 2}

    def test_the_nearest_codes_that_cmic_has_are_named(self, looking):
        tenant = make_tenant()
        company = tenant.transactions.company_code
        known = [
            ("24-0998", {}),
            ("24-0997", {"company": "999"}),
            ("24-0990", {"is_active": False}),
            ("31-1111", {}),
        ]
        for code, values in known:
            CmicCode.objects.create(
                tenant=tenant,
                kind=CodeKind.JOB,
                code=code,
                seen_at=timezone.now(),
                **{"company": company, **values},
            )
        block(add_run(tenant), 1, UNKNOWN)
        [row] = looking.get(CAUSES).context["rows"]
        assert nearest_of(row) == ("24-0998",)
        assert "Nearest in CMiC: 24-0998 ." in words_of(looking, CAUSES)

    def test_a_code_that_many_jobs_have_hides_no_other(self, looking):
        tenant = make_tenant()
        jobs = [f"24-{number:04}" for number in range(60)]
        for code, parents in (("02.999", jobs), ("02.998", jobs), ("02.990", ["1"])):
            CmicCode.objects.bulk_create(
                CmicCode(
                    tenant=tenant,
                    kind=CodeKind.COST_CODE,
                    parent=parent,
                    code=code,
                    company=tenant.transactions.company_code,
                    seen_at=timezone.now(),
                )
                for parent in parents
            )
        reason = {**UNKNOWN, "kind": "cost_code", "value": "02.9999"}
        block(add_run(tenant), 1, reason)
        [row] = looking.get(CAUSES).context["rows"]
        assert nearest_of(row) == ("02.999", "02.998", "02.990")

    def test_each_tenant_is_shown_codes_of_its_own(self, looking):
        for slug, code in (("one", "24-0998"), ("two", "24-0990")):
            tenant = make_tenant()
            tenant.slug = tenant.name = slug
            tenant.save()
            CmicCode.objects.create(
                tenant=tenant,
                kind=CodeKind.JOB,
                code=code,
                company=tenant.transactions.company_code,
                seen_at=timezone.now(),
            )
            block(add_run(tenant), 1, UNKNOWN)
        rows = looking.get(CAUSES).context["rows"]
        shown = {row["cause"].tenant.name: nearest_of(row) for row in rows}
        assert shown == {"one": ("24-0998",), "two": ("24-0990",)}

    def test_what_is_not_open_there_is_compared_with_what_is(self, looking):
        tenant = make_tenant()
        for parent, code in (("24-0117", "02.101"), ("24-0118", "02.100")):
            CmicCode.objects.create(
                tenant=tenant,
                kind=CodeKind.COST_CODE,
                parent=parent,
                code=code,
                company=tenant.transactions.company_code,
                seen_at=timezone.now(),
            )
        reason = {
            **UNKNOWN,
            "code": "combination_invalid",
            "kind": "cost_code",
            "value": "02.100",
            "place": ["24-0117"],
        }
        block(add_run(tenant), 1, reason)
        [row] = looking.get(CAUSES).context["rows"]
        assert nearest_of(row) == ("02.101",)
        assert row["what"] == f"{JOB}: 02.100 on 24-0117"

    def test_the_cardholders_to_ask_are_named(self, looking):
        run = add_run(make_tenant())
        for number, name in enumerate(("Ana Ruiz", "Bo Lind", "Ana Ruiz", "")):
            block(run, number, UNKNOWN, cardholder=name)
        assert "Ask Ana Ruiz, Bo Lind." in words_of(looking, CAUSES)

    def test_strange_addresses_are_no_fault(self, looking):
        block(add_run(make_tenant()), 1, UNKNOWN)
        for query in ("page=x", "page=-1", f"page={'9' * 30}", "tenant=²", "tenant=x"):
            assert looking.get(f"{CAUSES}?{query}").status_code == 200
        url = reverse("admin:sync_purchasesync_changelist")
        assert numbers_in(looking, f"{url}?cause=nonsense") == set()


class TestFirstPage:
    def test_an_empty_one_says_what_to_do(self, looking):
        said = words_of(looking, INDEX)
        assert "No tenants yet" in said
        assert "Nothing: no purchase is blocked or failed" in said
        assert "No worker has answered yet." in said
        assert "Start the process “worker”" in said
        assert "Nothing needs anybody" in words_of(looking, CAUSES)

    def test_each_state_links_to_exactly_its_tenants(self, looking):
        states = ("failing", "attention", "not_connected", "never_run", "healthy")
        for state in states:
            tenant = make_tenant()
            tenant.slug = tenant.name = state
            tenant.save()
            if state != "not_connected":
                tenant.pex.is_ok = tenant.cmic.is_ok = True
                tenant.pex.save()
                tenant.cmic.save()
            else:
                tenant.pex.delete()
        tenants = {tenant.slug: tenant for tenant in Tenant.objects.all()}
        add_run(tenants["failing"], "failed")
        block(add_run(tenants["attention"]), 1, UNKNOWN)
        add_run(tenants["healthy"])
        shown = looking.get(INDEX).context["states"]
        assert [state["count"] for state in shown] == [1] * 5
        for state in shown:
            found = looking.get(state["url"]).context["cl"].queryset
            assert [f"?state={each.slug}" for each in found] == [
                state["url"][state["url"].index("?") :]
            ]

    def test_what_needs_somebody_leads_there(self, looking):
        block(add_run(make_tenant()), 90001, UNKNOWN)
        [row] = looking.get(INDEX).context["causes"]
        assert numbers_in(looking, row["url"]) == {90001}
        said = words_of(looking, INDEX)
        assert f"Value unknown {JOB}: 24-0999" in said

    def test_the_chart_counts_each_purchase_once_a_day(self, looking):
        tenant = make_tenant()
        noon = timezone.localtime(timezone=EASTERN).replace(
            hour=12, minute=0, second=0, microsecond=0
        ) - timedelta(days=3)
        for hours, counts in ((0, {"blocked": 5}), (2, {"blocked": 4, "failed": 1})):
            run = add_run(tenant, ended_at=noon + timedelta(hours=hours), counts=counts)
        for number in range(3):
            add_purchase(run, number, completed_at=noon)
        add_purchase(run, 9, completed_at=noon - timedelta(days=40))
        chart = looking.get(INDEX).context["chart"]
        days = {day: tuple(values) for day, values in chart.days if any(values)}
        assert days == {noon.date(): (3, 4, 1)}
        assert len(chart.days) == 30
        assert chart.top == 8
        assert "The numbers" in words_of(looking, INDEX)

    def test_a_purchase_late_in_the_evening_counts_on_its_business_day(self, looking):
        day = timezone.localtime(timezone=EASTERN).date() - timedelta(days=5)
        late = datetime(day.year, day.month, day.day, 23, 30, tzinfo=EASTERN)
        add_purchase(add_run(make_tenant()), 1, completed_at=late)
        chart = looking.get(INDEX).context["chart"]
        assert [each for each, values in chart.days if values[0]] == [day]

    def test_workers_and_a_scheduler_that_are_silent_are_told_of(self, looking):
        start_due_runs()
        said = words_of(looking, INDEX)
        assert "Workers alive" in said
        assert "Scheduler alive" in said
        now = timezone.now()
        Heartbeat.objects.filter(part="scheduler").update(
            at=now - timedelta(minutes=12)
        )
        assert "No scheduler has run for 12 minutes" in words_of(looking, INDEX)
        Heartbeat.objects.update(at=now - timedelta(minutes=20))
        assert "No worker has answered for 20 minutes" in words_of(looking, INDEX)

    def test_what_waits_longest_comes_first(self, looking):
        run = add_run(make_tenant())
        for number in range(10):
            moment = timezone.now() - timedelta(days=number)
            block(run, number, UNKNOWN, occurred_at=moment, merchant=f"M{number}")
        rows = looking.get(INDEX).context["longest"]
        assert [row["words"] for row in rows] == [f"M{9 - n}" for n in range(8)]

    def test_who_may_see_nothing_is_told_so(self, client, db):
        client.force_login(add_staff("new", None))
        assert "Ask an administrator for a role." in words_of(client, INDEX)


class TestWhoIsLimited:
    def test_sees_no_cause_number_or_chart_of_another_tenant(self, client, db):
        mine = make_tenant()
        mine.slug = "mine"
        mine.save()
        foreign = make_tenant()
        foreign.name = "Zenith Builders"
        foreign.auto_sync = True
        foreign.next_auto_sync_at = timezone.now()
        foreign.save()
        run = add_run(foreign, counts={"blocked": 3})
        block(run, 1, UNKNOWN)
        add_purchase(run, 2, completed_at=timezone.now())
        client.force_login(add_staff("sam", "Support", tenants=[mine]))
        for url in (INDEX, CAUSES, f"{CAUSES}?tenant={foreign.pk}"):
            body = client.get(url).content.decode()
            assert "Zenith" not in body
            assert "24-0999" not in body
        assert client.get(INDEX).context["chart"].is_empty
        key = PurchaseSync.objects.get(pex_transaction_id=1).causes
        lists = reverse("admin:sync_purchasesync_changelist")
        assert not key or numbers_in(client, f"{lists}?cause={key[0]}") == set()

    def test_to_no_tenant_sees_nothing_either(self, client, db):
        tenant = make_tenant()
        block(add_run(tenant), 1, UNKNOWN)
        person = add_staff("sam", "Support", tenants=[tenant])
        tenant.slug = "gone"
        tenant.save()
        other = make_tenant()
        block(add_run(other), 2, OTHER)
        client.force_login(person)
        url = f"{CAUSES}?tenant={other.pk}"
        assert client.get(url).context["rows"] == []


def test_the_sync_tab_says_what_waits_and_why(looking):
    tenant = make_tenant()
    run = add_run(tenant)
    block(run, 1, UNKNOWN)
    block(run, 2, UNKNOWN)
    add_purchase(run, 3, status="pending")
    said = words_of(looking, reverse("admin:connector_tenant_change", args=[tenant.pk]))
    assert "1 waits to be sent, 2 are blocked." in said
    assert f"Value unknown: {JOB}: 24-0999 2 purchases over 236.80" in said


def test_the_cost_does_not_grow_with_the_rows(looking):
    counts = []
    tenant = make_tenant()
    CmicCode.objects.create(
        tenant=tenant, kind="job", code="24-0998", seen_at=timezone.now()
    )
    tab = reverse("admin:connector_tenant_change", args=[tenant.pk])
    run = add_run(tenant)
    for start in (0, 20):
        for number in range(start, start + 10):
            block(run, number, {**UNKNOWN, "value": f"24-{number}"}, UNKNOWN)
        found = []
        for url in (INDEX, CAUSES, tab):
            text_of(looking, url)
            with CaptureQueriesContext(connection) as queries:
                text_of(looking, url)
            found.append(len(queries))
        counts.append(found)
    assert counts[0] == counts[1]


def test_the_first_page_tells_why_redis_cannot_be_used(looking, settings):
    settings.REDIS_URL = "redis://user:secret@127.0.0.1:1/0"
    words = words_of(looking, INDEX)
    assert "Redis at 127.0.0.1:1 refuses connections. Check REDIS_URL" in words
    assert "Nothing is synced until Redis can be used again." in words
    assert "secret" not in words


def test_the_first_page_says_nothing_of_a_redis_that_answers(looking):
    assert "Redis" not in words_of(looking, INDEX)
