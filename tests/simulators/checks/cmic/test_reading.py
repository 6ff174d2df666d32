"""Reading CMiC's resources: envelope, pages, `q`, finders, order and fields.

Invoices that were uploaded are left to `test_cmic_uploads`.
"""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.simulators.checks.cmic_caller import (
    CATEGORIES,
    INVOICES,
    JOBS,
    VENDORS,
    VOUCHERS,
)
from tests.simulators.contractor import build_contractor
from tests.simulators.large import add_jobs


def test_a_collection_comes_in_the_adf_envelope(cmic):
    answer = cmic.get(JOBS, limit=2, orderBy="default")
    assert (
        answer.headers["Content-Type"]
        == "application/vnd.oracle.adf.resourcecollection+json"
    )
    assert answer.headers["REST-Framework-Version"] == "2"
    assert answer.headers["Link"].startswith("<http://127.0.0.1:80/cmictest/jc-rest")
    body = answer.json()
    assert (body["count"], body["limit"], body["offset"]) == (2, 2, 0)
    assert body["hasMore"] is True
    first = body["items"][0]
    assert {k: v for k, v in first.items() if k not in ("links", "JobVUuid")} == {
        "JobCompCode": "001",
        "JobCode": "017401",
        "JobName": "Main Street Garage",
        "JobDefaultDeptCode": "10",
        "JobStatusCode": "I",
    }
    assert [link["rel"] for link in first["links"]] == ["self", "canonical"]
    assert first["links"][0]["href"].startswith("http://127.0.0.1:80/cmictest/jc-rest")


@pytest.mark.parametrize(
    "path",
    [
        "glrestapi/rest/v1/glcompany",
        "glrestapi/rest/v1/gldepartment",
        "glrestapi/rest/v1/glaccounts",
        "ap-rest-api/rest/1/apreggrp",
        "jc-rest-api/rest/1/jcjobcostcodes",
        "em-rest-api/rest/1/emequipment",
        "em-rest-api/rest/1/emeqpcomtran",
        "sys-rest-api/rest/1/bacurrency",
        "ecm-rest-api/rest/v1/ImgSources",
        "ecm-rest-api/rest/v1/ImgSourceDocTypeV",
        VENDORS,
        CATEGORIES,
    ],
)
def test_every_resource_lists_rows_and_gives_one_by_its_key(cmic, path):
    item = cmic.get(path).json()["items"][0]
    key = item["links"][0]["href"].rpartition("/")[2]
    one = cmic.get(f"{path}/{key}")
    assert one.headers["Content-Type"].startswith(
        "application/vnd.oracle.adf.resourceitem"
    )
    assert one.json() == item
    assert cmic.get(f"{path}/NOSUCHKEY").status_code == 404


def test_null_attributes_and_dates_with_offset_are_shown(cmic, sim):
    vendor = cmic.get(VENDORS, q="BpvenBpCode = 'PEX01'").json()["items"][0]
    assert vendor["BpvenTax1Code"] is None
    created = datetime.fromisoformat(vendor["BpvenIuCreateDate"])
    assert created.utcoffset() in (timedelta(hours=-5), timedelta(hours=-4))


def test_pages_default_to_25_rows_and_cover_everything_once(cmic):
    assert cmic.get(CATEGORIES).json()["count"] == 25
    seen, offset, more = [], 0, True
    while more:
        body = cmic.get(
            CATEGORIES, orderBy="default", limit=200, offset=offset, totalResults="true"
        ).json()
        seen += [item["JcatVUuid"] for item in body["items"]]
        offset, more = offset + body["count"], body["hasMore"]
    assert len(seen) == len(set(seen)) == body["totalResults"]


@pytest.mark.parametrize("limit", ["1001", "0", "-1", "many"])
def test_a_limit_over_1000_or_no_number_is_refused(cmic, limit):
    assert cmic.get(JOBS, limit=limit).status_code == 400


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("BpvenCompCode = '002'", ["PEX01", "CEMEX1"]),
        ("BpvenCompCode='001' and BpvenActiveFlag = 'N'", ["OLD01"]),
        (
            "BpvenCompCode = '001' AND (BpvenBpCode = '0042' or BpvenBpCode = 'HOMED')",
            ["HOMED", "0042"],
        ),
        ("BpvenBpName = '84 Lumber' or BpvenBpName = 'O''Neil'", ["LUMB01"]),
        (
            "BpvenBpCode = 'HOMED' and BpvenIuCreateDate >= '2026-01-01T00:00:00-0400'",
            ["HOMED"],
        ),
        ("BpvenIuCreateDate >= '2026-12-31'", []),
        ("BpvenTax1Code = 'X'", []),
    ],
)
def test_q_filters_rows(cmic, sim, q, expected):
    sim.books.opened_at = datetime(2026, 6, 1, tzinfo=UTC)
    assert cmic.codes(VENDORS, "BpvenBpCode", q=q) == expected


@pytest.mark.parametrize(
    "q",
    [
        "Nothing = '1'",
        "BpvenBpCode",
        "BpvenBpCode = ",
        "BpvenBpCode = 'A' and",
        "(BpvenBpCode = 'A'",
        "BpvenBpCode = 'A' BpvenBpCode = 'B'",
        "BpvenBpCode ~ 'A'",
        "BpvenIuCreateDate >= 'soon'",
    ],
)
def test_a_q_that_cannot_be_read_is_refused(cmic, q):
    answer = cmic.get(VENDORS, q=q)
    assert answer.status_code == 400
    assert answer.json()["status"] == "Error"


def test_finders_filter_as_documented(cmic, sim):
    found = cmic.codes(
        CATEGORIES, "JcatJobCode", finder="selectJobCategory;jobCode=24.018"
    )
    assert set(found) == {"24.018"}
    since = "selectByDate;auditDate=2000-01-01T00:00:01+0000"
    assert cmic.codes("glrestapi/rest/v1/glcompany", "CompCode", finder=since) == [
        "001",
        "002",
    ]
    late = "selectByDate;auditDate=2999-01-01T00:00:01+0000"
    assert cmic.codes(VENDORS, "BpvenBpCode", finder=late) == []
    both = cmic.codes(
        VENDORS, "BpvenBpCode", finder=since, q="BpvenCompCode = '002'", limit=100
    )
    assert both == ["PEX01", "CEMEX1"]
    unhelpful = cmic.get(VENDORS, finder="ApVendorFinder;CompCode=002", limit=100)
    assert unhelpful.json()["count"] == 14
    sim.add_invoice("A-1", "5.00", date(2026, 3, 1))
    sim.convert_to_voucher("A-1")
    name = "VouInvOutGrandAmtFinder;CompCodeVar={},VendorCodeVar=PEX01,ContCodeVar="
    assert cmic.codes(VOUCHERS, "VouNum", finder=name.format("001")) == [101690]
    assert cmic.codes(VOUCHERS, "VouNum", finder=name.format("002")) == []
    assert cmic.get(INVOICES, finder="Nope;a=b").status_code == 400
    assert cmic.get(VENDORS, finder="selectByDate;when=1").status_code == 400


def test_order_and_fields_are_applied(cmic):
    named = cmic.codes(VENDORS, "BpvenBpCode", orderBy="BpvenBpCode:desc", limit=1)
    assert named == ["WHITE1"]
    item = cmic.get(JOBS, fields="JobCode,JobName", limit=1).json()["items"][0]
    assert set(item) == {"JobCode", "JobName", "links"}
    for query in (
        {"orderBy": "default,JobCode"},
        {"orderBy": "JobCode:up"},
        {"orderBy": "Nothing"},
        {"fields": "Nothing"},
    ):
        assert cmic.get(JOBS, **query).status_code == 400
    assert cmic.get(INVOICES, orderBy="default").status_code == 400


def test_a_large_contractor_is_dealt_out_to_its_jobs_and_paged_alike():
    contractor = build_contractor()
    before = len(contractor.categories), len(contractor.jobs)
    add_jobs(contractor, jobs=40, categories=1_230)
    assert len(contractor.categories) - before[0] == 1_230
    assert len(contractor.jobs) - before[1] == 40
    phases = {(each.job, each.code) for each in contractor.phases}
    assert {(each.job, each.phase) for each in contractor.categories} <= phases
    with pytest.raises(ValueError, match="at most 75"):
        add_jobs(build_contractor(), jobs=1, categories=76)


def test_what_a_clerk_changes_shows_on_the_next_page(cmic):
    def codes(offset):
        page = cmic.get(JOBS, limit=5, offset=offset, orderBy="default").json()
        return [item["JobCode"] for item in page["items"]]

    first, second = codes(0), codes(5)
    cmic.server.simulator.remove_code("job", first[0])
    assert codes(4) == second
    cmic.server.simulator.reset()
    assert codes(0) == first
