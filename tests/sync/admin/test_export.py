"""Lists as files: all that is filtered, nothing of others, no cell that computes."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connector.api.cmic.types import CodeKind
from connector.models import CmicCode
from sync.admin.lists import export
from sync.admin.lists.export import plain_text
from tests.support.factories import make_tenant
from tests.support.people import add_staff
from tests.support.rows import REFUND, UNKNOWN_JOB, add_person, add_purchase, add_run

EVIL = '=HYPERLINK("http://evil.example")'
LINE = {
    "type": "J",
    "codes": ["017401", "02.100", "4000"],
    "sources": ["tag", "default", "static"],
    "amount": "118.40",
}


def url_of(form, kind="purchasesync"):
    return reverse(f"admin:sync_{kind}_export", args=[form])


def rows_of(answer):
    """The file's rows as dictionaries, whichever form it has."""
    content = b"".join(answer.streaming_content)
    if answer["Content-Type"].startswith("text/csv"):
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    titles, *rows = openpyxl.load_workbook(io.BytesIO(content)).active.values
    return [dict(zip(titles, row, strict=True)) for row in rows]


@pytest.fixture
def acme(db):
    tenant = make_tenant()
    CmicCode.objects.create(
        tenant=tenant,
        kind=CodeKind.COMPANY,
        code=tenant.transactions.company_code,
        currency="CAD",
        seen_at=timezone.now(),
    )
    return tenant


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_purchase_keeps_its_digits_its_money_and_its_hour(admin_client, acme, form):
    add_purchase(
        add_run(acme),
        900719925474099312,
        status="blocked",
        reasons=[UNKNOWN_JOB, REFUND],
        merchant=EVIL,
        amount=Decimal("-1234.50"),
        occurred_at=datetime(2026, 3, 3, 4, 30, tzinfo=UTC),
        lines=[LINE, {**LINE, "codes": ["017402", "02.100"]}],
    )
    answer = admin_client.get(url_of(form))
    assert f".{form}" in answer["Content-Disposition"]
    [row] = rows_of(answer)
    assert row["PEX transaction"] == "900719925474099312"
    assert Decimal(str(row["Amount"])) == Decimal("-1234.50")
    assert row["Currency"] == "CAD"
    assert str(row["Card used (US Eastern)"]) == "2026-03-02 23:30:00"
    assert row["Reasons"] == "value unknown; refund held"
    assert row["Job/Dept/Eqp."] == "017401; 017402"
    assert row["Cost Code/Account/Category"] == "02.100"
    assert row["Cost Type/Tran Code"] in ("4000",)
    if form == "csv":
        assert row["Merchant"] == f"'{EVIL}"
    else:
        assert row["Merchant"] == EVIL


def test_text_stays_text_in_excel(admin_client, acme):
    add_purchase(add_run(acme), 1, merchant=EVIL, cardholder="+1 555")
    content = b"".join(admin_client.get(url_of("xlsx")).streaming_content)
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    [cell] = [each for row in sheet for each in row if each.value == EVIL]
    assert cell.data_type == "s"


@pytest.mark.parametrize("start", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1"])
def test_no_cell_begins_like_a_formula(start):
    assert plain_text(start) == f"'{start}"
    assert plain_text("\x00=1") == "'=1"


def test_plain_cells_stay_as_they_are():
    assert plain_text("Ferguson - Supply") == "Ferguson - Supply"
    assert plain_text("") == ""


def test_no_formula_begins_where_excel_reads_by_semicolons(admin_client, acme):
    add_purchase(add_run(acme), 1, merchant="Tools; =1+1 and\t@SUM(A1)")
    content = b"".join(admin_client.get(url_of("csv")).streaming_content)
    for line in content.decode("utf-8-sig").splitlines():
        assert line.startswith('"')
        assert line.endswith('"')
        for reader in (";", "\t"):
            for row in csv.reader([line], delimiter=reader):
                assert not any(
                    cell.strip().startswith(("=", "+", "-", "@")) for cell in row
                )


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_only_what_is_filtered_and_found_is_taken_along(admin_client, acme, form):
    run = add_run(acme)
    add_purchase(run, 1, status="blocked", reasons=[REFUND])
    add_purchase(run, 2, status="blocked", merchant="Hilti")
    add_purchase(run, 3)
    query = {"status__exact": "blocked", "q": "ferg"}
    rows = rows_of(admin_client.get(url_of(form), query))
    assert [row["PEX transaction"] for row in rows] == ["1"]


def test_the_list_links_to_its_own_export(admin_client, acme):
    add_purchase(add_run(acme), 1, status="blocked")
    lists = reverse("admin:sync_purchasesync_changelist")
    page = admin_client.get(lists, {"status__exact": "blocked", "p": "1"})
    links = dict(page.context["export_links"])
    assert links["CSV"] == f"{url_of('csv')}?status__exact=blocked"
    assert links["CSV"] in page.content.decode()
    assert len(rows_of(admin_client.get(links["Excel"]))) == 1


def test_runs_are_taken_along_with_their_counts(admin_client, acme):
    add_run(acme, counts={"seen": 9, "completed": 7}, message=EVIL)
    add_run(acme, "running")
    active, ended = rows_of(admin_client.get(url_of("csv", "syncrun")))
    assert (ended["Seen"], ended["Completed"], ended["Failed"]) == ("9", "7", "")
    assert ended["Message"] == f"'{EVIL}"
    assert active["Status"] == "running"


def test_who_is_limited_takes_along_ones_own_only(client, acme):
    acme.slug = "mine"
    acme.save()
    add_purchase(add_run(acme), 1)
    foreign = make_tenant()
    add_purchase(add_run(foreign), 2)
    client.force_login(add_staff("sam", "Viewer", tenants=[acme]))
    assert [row["PEX transaction"] for row in rows_of(client.get(url_of("csv")))] == [
        "1"
    ]
    assert len(rows_of(client.get(url_of("csv", "syncrun")))) == 1


def test_who_may_not_look_takes_nothing(client, acme):
    client.force_login(add_person("sync.view_syncrun"))
    assert client.get(url_of("csv")).status_code == 403
    assert client.get(url_of("csv", "syncrun")).status_code == 200


def test_a_strange_form_or_filter_is_no_fault(admin_client, acme):
    assert admin_client.get(url_of("exe")).status_code == 404
    assert admin_client.get(url_of("csv"), {"no_such": "1"}).status_code == 302
    assert admin_client.post(url_of("csv")).status_code == 405


def test_more_rows_than_excel_has_are_refused_in_words(admin_client, acme, monkeypatch):
    monkeypatch.setattr(export, "MOST_IN_EXCEL", 2)
    run = add_run(acme)
    for number in range(3):
        add_purchase(run, number)
    answer = admin_client.get(url_of("xlsx"), follow=True)
    assert "take the CSV" in answer.content.decode()
    assert len(rows_of(admin_client.get(url_of("csv")))) == 3


def test_a_file_costs_the_same_queries_for_any_number(admin_client, acme):
    run = add_run(acme)
    counts = []
    for start in (0, 30):
        for number in range(start, start + 5):
            add_purchase(run, number)
        with CaptureQueriesContext(connection) as queries:
            rows_of(admin_client.get(url_of("csv")))
        counts.append(len(queries))
    assert counts[0] == counts[1]
