"""The CMiC simulator over real sockets: what it answers, refuses and remembers."""

import base64
import hashlib
import json
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import requests

from tests.simulators.cmic import CmicSimulator
from tests.simulators.contractor import (
    ALL_SOURCES_UUID,
    AP_INVOICE_UUID,
    PEX_SOURCE_UUID,
    build_contractor,
)

AUTH = ("ACME||APIUSER", "sandbox-password")
VENDORS = "ap-rest-api/rest/1/apvendor"
CATEGORIES = "jc-rest-api/rest/1/jcjobcategory"
JOBS = "jc-rest-api/rest/1/jcjob"
INVOICES = "ap-rest-api/rest/1/apreginv"
DETAILS = "ap-rest-api/rest/1/apreginvdetails"
VOUCHERS = "ap-rest-api/rest/1/apallvouchers"
UPLOAD = "ecm-rest-api/jersey/v1/UploadData/uploadApRegInvoice"
NUMBER = "PEX-00012345"
PDF = b"%PDF-1.4\r\n\x00\xff not text \r\n--x\r\n"


class Caller:
    def __init__(self, server, session):
        self.server = server
        self.session = session

    def get(self, path, **query):
        url = f"{self.server.base_url}/{path}"
        return self.session.get(
            url, params=query, auth=AUTH, timeout=10, allow_redirects=False
        )

    def codes(self, path, attribute, **query):
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return [item[attribute] for item in answer.json()["items"]]

    def upload(
        self,
        payload=None,
        file=("receipt.pdf", PDF, "application/pdf"),
        timeout=10,
    ):
        parts = {
            "payload": (None, json.dumps(payload or make_payload()), "application/json")
        }
        if file:
            parts["file"] = file
        return self.session.post(
            f"{self.server.base_url}/{UPLOAD}",
            files=parts,
            auth=AUTH,
            timeout=timeout,
            allow_redirects=False,
        )

    def door(self, method, path, **body):
        url = f"{self.server.url}/_sim/{path}"
        return self.session.request(method, url, json=body or None, timeout=10)


@pytest.fixture
def sim():
    return CmicSimulator()


@pytest.fixture
def cmic(sim):
    with sim.serve() as server, requests.Session() as session:
        yield Caller(server, session)


def make_line(number=1, amount="118.40", **changes):
    line = {
        "Aprid_Line_Num": str(number),
        "Aprid_Comp_Code": "001",
        "Aprid_Type_Code": "J",
        "Aprid_Jobdepteqp_Code": "017401",
        "Aprid_Costaccount_Code": "02.100",
        "Aprid_Costtran_Code": "4000",
        "Aprid_Amt": amount,
        "Aprid_Desc": "Lumber",
    }
    return {key: value for key, value in (line | changes).items() if value is not None}


def make_payload(lines=None, top=None, **header):
    data = {
        "Apri_Comp_Code": "001",
        "Apri_Ven_Code": "PEX01",
        "Apri_Job_Code": "017401",
        "Apri_Group_Code": "PEX",
        "Apri_Inv_Code": NUMBER,
        "Apri_Inv_Date": "2026/03/31",
        "Apri_Due_Date": "2026/03/31",
        "Apri_Curr_Code": "USD",
        "Apri_Desc": "Hardware store - J Doe",
        "Apri_Orig_Amt": "118.40",
        "Apri_Amt": "118.40",
        "Apri_Valid_Flag": "Y",
    } | header
    return {
        "srcUuid": PEX_SOURCE_UUID,
        "docTypeUuid": AP_INVOICE_UUID,
        "headerFlysheet": "AP Registered Invoice",
        "headerData": {k: v for k, v in data.items() if v is not None},
        "detailFlysheet": "AP Registered Invoice Detail",
        "detailData": [make_line()] if lines is None else lines,
    } | (top or {})


def look_up(number=NUMBER):
    return (
        f"ApriCompCode = '001' and ApriVenCode = 'PEX01' and ApriInvCode = '{number}'"
    )


def test_the_contractor_is_the_same_for_the_same_seed():
    assert build_contractor(3) == build_contractor(3)
    assert build_contractor(3) != build_contractor(4)
    assert len([row for row in build_contractor().jobs if row.company == "001"]) == 25


@pytest.mark.parametrize(
    "auth", [None, ("APIUSER", "sandbox-password"), ("ACME||APIUSER", "wrong")]
)
def test_a_wrong_user_gets_401_with_an_empty_body(cmic, auth):
    answer = requests.get(f"{cmic.server.base_url}/{JOBS}", auth=auth, timeout=10)
    assert (answer.status_code, answer.text) == (401, "")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_client_credentials_give_a_bearer_token_that_expires(cmic, sim):
    form = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
    }
    url = f"{cmic.server.base_url}/oauth2/token"
    token = requests.post(url, data=form, timeout=10).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    jobs = f"{cmic.server.base_url}/{JOBS}"
    assert requests.get(jobs, headers=headers, timeout=10).status_code == 200
    sim.advance(timedelta(hours=2))
    assert requests.get(jobs, headers=headers, timeout=10).status_code == 401
    form["client_secret"] = "wrong"
    assert requests.post(url, data=form, timeout=10).status_code == 401


def test_paths_outside_the_environment_are_not_found(cmic):
    answer = requests.get(f"{cmic.server.url}/other/{JOBS}", auth=AUTH, timeout=10)
    assert answer.status_code == 404
    assert cmic.get("ap-rest-api/rest/1/nothing").status_code == 404


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


def test_an_upload_is_stored_and_found_by_look_up(cmic, sim):
    answer = cmic.upload()
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["imageId"]) == ("Success", "100234")

    [stored] = sim.invoices(NUMBER)
    assert (stored.file, stored.file_name) == (PDF, "receipt.pdf")
    assert (stored.content_type, stored.encoding) == ("application/pdf", "multipart")
    assert stored.header["Apri_Desc"] == "Hardware store - J Doe"
    assert stored.lines == [make_line()]
    assert sim.total() == Decimal("118.40")

    answer = cmic.get(INVOICES, q=look_up(), limit=25)
    assert '"ApriAmt": 118.4,' in answer.text
    [item] = answer.json()["items"]
    assert item["ApriVUuid"] == body["apriVUuid"]
    assert item["ApriInvDate"] == "2026-03-31T00:00:00-04:00"
    assert (item["ApriValidFlag"], item["ApriCurrName"]) == ("Y", "US Dollars")
    assert item["ApriIuCreateUser"] == "APIUSER"
    assert [link["rel"] for link in item["links"]] == ["self", "canonical", "child"]
    [line] = cmic.get(DETAILS, q=f"ApriInvCode = '{NUMBER}'").json()["items"]
    assert (line["ApridJobCode"], line["ApridPhsCode"], line["ApridCatCode"]) == (
        "017401",
        "02.100",
        "4000",
    )
    assert cmic.codes(INVOICES, "ApriInvCode", q=look_up("PEX-9")) == []


def test_look_up_by_date_compares_days(cmic, sim):
    for day in (date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 1)):
        sim.add_invoice(f"A-{day:%m%d}", "1.10", day)
    for since in ("2026-03-31", "2026-03-31T00:00:00-04:00"):
        q = f"ApriCompCode = '001' and ApriInvDate >= '{since}'"
        assert cmic.codes(INVOICES, "ApriInvCode", q=q) == ["A-0331", "A-0401"]


def test_the_json_encoding_is_accepted_and_recorded(cmic, sim):
    body = make_payload() | {
        "imageName": "receipt.pdf",
        "imageData": base64.b64encode(PDF).decode(),
    }
    url = f"{cmic.server.base_url}/{UPLOAD}"
    answer = requests.post(url, json=body, auth=AUTH, timeout=10)
    assert answer.json()["status"] == "Success"
    [stored] = sim.invoices()
    assert (stored.encoding, stored.file, stored.file_name) == (
        "json",
        PDF,
        "receipt.pdf",
    )
    body["imageData"] = "***"
    assert requests.post(url, json=body, auth=AUTH, timeout=10).status_code == 400
    assert requests.post(url, data=b"x", auth=AUTH, timeout=10).status_code == 415


def test_all_three_types_of_line_are_accepted(cmic, sim):
    lines = [
        make_line(1, "60.00"),
        make_line(
            2,
            "40.00",
            Aprid_Type_Code="G",
            Aprid_Jobdepteqp_Code="10",
            Aprid_Costaccount_Code="600.004",
            Aprid_Costtran_Code=None,
        ),
        make_line(
            3,
            18.4,
            Aprid_Type_Code="E",
            Aprid_Jobdepteqp_Code="TRK-014",
            Aprid_Costaccount_Code="ENGINE",
            Aprid_Costtran_Code="FUEL",
        ),
    ]
    answer = cmic.upload(make_payload(lines, Apri_Inv_Date="26/03/31"))
    assert answer.status_code == 200, answer.text
    [stored] = sim.invoices()
    assert stored.invoice_date == date(2026, 3, 31)
    assert [line.type_code for line in stored.distribution] == ["J", "G", "E"]


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ({"Apri_Comp_Code": "009"}, "Company code 009 is not valid."),
        (
            {"Apri_Ven_Code": "XYZ"},
            "Vendor code XYZ is not valid for company 001.",
        ),
        ({"Apri_Ven_Code": "OLD01"}, "Vendor code OLD01 is not valid"),
        ({"Apri_Group_Code": "GEN"}, "Group code GEN is not valid for company 001."),
        ({"Apri_Inv_Code": None}, "Required field missing: Invoice Number"),
        ({"Apri_Inv_Code": ""}, "Required field missing: Invoice Number"),
        ({"Apri_Inv_Code": "X" * 21}, "Invoice Number exceeds 20 characters."),
        ({"Apri_Inv_Code": 12345}, "Invoice Number must be a string."),
        ({"Apri_Desc": "x" * 31}, "Description exceeds 30 characters."),
        ({"Apri_Inv_Date": "2026-03-31"}, "is not a date"),
        ({"Apri_Inv_Date": "2026/02/30"}, "is not a date"),
        ({"Apri_Amt": "118.401"}, "is not a valid amount"),
        ({"Apri_Amt": "$118"}, "is not a valid amount"),
        ({"Apri_Amt": "118.41"}, "does not equal the invoice amount"),
        ({"Apri_Curr_Code": "EUR"}, "Currency code EUR"),
        ({"Apri_Valid_Flag": "yes"}, "Valid Flag"),
        ({"Apri_Job_Code": "016210"}, "Job Code 016210 is closed."),
        ({"Apri_Invoice": "1"}, "Column Apri_Invoice does not exist"),
    ],
)
def test_a_wrong_header_is_refused_with_a_sentence(cmic, sim, header, sentence):
    answer = cmic.upload(make_payload(**header))
    assert answer.status_code == 400
    assert sentence in answer.json()["errorMessage"]
    assert sim.invoices() == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Aprid_Type_Code": "W"}, "Type Code W"),
        ({"Aprid_Jobdepteqp_Code": "17401"}, "Job Code 17401 is not valid"),
        ({"Aprid_Jobdepteqp_Code": "016210"}, "Job Code 016210 is closed"),
        ({"Aprid_Costaccount_Code": "99.999"}, "Cost Code Code 99.999 is not valid"),
        ({"Aprid_Costtran_Code": "1000"}, "Category Code 1000 is not valid"),
        ({"Aprid_Costtran_Code": None}, "Category Code"),
        ({"Aprid_Costaccount_Code": "16.100"}, "Cost Code Code 16.100 is inactive"),
        (
            {"Aprid_Costaccount_Code": "03.300", "Aprid_Costtran_Code": "5000"},
            "Category Code 5000 is inactive",
        ),
        ({"Aprid_Type_Code": "G"}, "Department Code 017401"),
        ({"Aprid_Type_Code": "E"}, "Equipment Code 017401"),
        ({"Aprid_Comp_Code": "002"}, "Cost Code Code 02.100 is not valid"),
        ({"Aprid_Line_Num": "one"}, "Line Number"),
    ],
)
def test_a_wrong_line_is_refused_with_a_sentence(cmic, sim, changes, sentence):
    answer = cmic.upload(make_payload([make_line(**changes)]))
    assert answer.status_code == 400
    assert sentence in answer.json()["errorMessage"]
    assert sim.invoices() == []


@pytest.mark.parametrize(
    "top",
    [
        {"srcUuid": ALL_SOURCES_UUID},
        {"srcUuid": "0" * 32},
        {"docTypeUuid": "0" * 32},
        {"headerFlysheet": "AP Invoice"},
        {"detailFlysheet": None},
        {"headerData": []},
        {"detailData": {}},
        {"detailData": []},
    ],
)
def test_a_wrong_place_or_flysheet_is_refused(cmic, sim, top):
    assert cmic.upload(make_payload(top=top)).status_code == 400
    assert sim.invoices() == []


def test_an_upload_without_document_is_refused(cmic, sim):
    assert "Document is missing" in cmic.upload(file=None).text
    assert "Document is missing" in cmic.upload(file=("a.pdf", b"")).text
    assert sim.invoices() == []


def test_codes_removed_or_closed_later_are_refused(cmic, sim):
    sim.remove_code("category", "4000", job="017401", phase="02.100")
    assert "Category Code 4000" in cmic.upload().json()["errorMessage"]
    sim.reset()
    sim.deactivate("phase", "02.100", job="017401")
    assert "is inactive" in cmic.upload().json()["errorMessage"]
    q = "JcatJobCode = '017401' and JcatPhaseActiveFlag = 'N'"
    assert "02.100" in cmic.codes(CATEGORIES, "JcatPhsCode", q=q)
    sim.reset()
    sim.close_job("017401")
    assert "is closed" in cmic.upload().json()["errorMessage"]
    sim.reset()
    assert cmic.upload().status_code == 200


def test_without_strict_codes_the_valid_flag_tells_what_is_wrong(cmic, sim):
    sim.strict_codes = False
    cmic.upload(make_payload([make_line(amount="1.00")]))
    cmic.upload(make_payload([make_line(Aprid_Costaccount_Code="99.9")]))
    cmic.upload(make_payload(Apri_Valid_Flag="N"))
    cmic.upload()
    assert [invoice.is_valid for invoice in sim.invoices()] == [
        False,
        False,
        False,
        True,
    ]


def test_duplicates_are_accepted_or_refused_by_a_switch(cmic, sim):
    assert [cmic.upload().status_code for _ in range(2)] == [200, 200]
    sim.duplicates = "refuse"
    answer = cmic.upload()
    assert answer.status_code == 400
    assert f"{NUMBER} already exists for vendor PEX01" in answer.text
    assert len(sim.invoices(NUMBER)) == 2


def test_a_stored_invoice_may_become_visible_later(cmic, sim):
    sim.visibility_delay = 300
    cmic.upload()
    assert cmic.codes(INVOICES, "ApriInvCode", q=look_up()) == []
    assert len(sim.invoices()) == 1
    sim.advance(301)
    assert cmic.codes(INVOICES, "ApriInvCode", q=look_up()) == [NUMBER]


def test_a_voucher_leaves_or_keeps_the_registered_invoice(cmic, sim):
    cmic.upload()
    sim.add_invoice("A-2", "10.00", date(2026, 3, 1))
    sim.convert_to_voucher(NUMBER)
    sim.convert_to_voucher("A-2", keep_registered=True, posted=True)
    assert cmic.codes(INVOICES, "ApriInvCode") == ["A-2"]
    [mine, other] = cmic.get(VOUCHERS).json()["items"]
    assert (mine["VouNum"], mine["VouInvCode"]) == (101690, NUMBER)
    assert (mine["VouInvAmt"], mine["VouRecordStatus"]) == (118.4, "UNPOSTED")
    assert other["VouRecordStatus"] == "POSTED"
    assert cmic.get(f"{VOUCHERS}/101691").json()["VouInvCode"] == "A-2"
    assert len(sim.invoices()) == 2


def test_errors_come_in_the_mode_that_is_set(cmic, sim):
    wrong = make_payload(Apri_Ven_Code="XYZ")
    nexus = cmic.upload(wrong)
    assert set(nexus.json()) == {
        "uuid",
        "status",
        "errorCode",
        "errorMessage",
        "timestamp",
        "moreDetails",
    }
    sim.error_mode = "legacy"
    legacy = cmic.upload(wrong)
    assert legacy.headers["Content-Type"] == "text/plain"
    assert legacy.text == "Vendor code XYZ is not valid for company 001."
    sim.error_mode = "ora"
    assert cmic.upload(wrong).text.startswith("ORA-20001: <CMIC_ERR_CODE>")
    sim.error_mode = "ok_with_error"
    fine = cmic.upload(wrong)
    assert (fine.status_code, fine.json()["status"]) == (200, "Error")
    assert cmic.get(JOBS, limit=1001).status_code == 400


@pytest.mark.parametrize(
    ("name", "params", "count"),
    [
        ("reset_before_store", {}, 0),
        ("reset_after_store", {}, 1),
        ("timeout_before_store", {"seconds": 0.05}, 0),
        ("timeout_after_store", {"seconds": 0.05}, 1),
    ],
)
def test_a_lost_answer_may_or_may_not_have_stored(cmic, sim, name, params, count):
    sim.faults.set(name, 1, match=NUMBER, **params)
    with pytest.raises(requests.ConnectionError):
        cmic.upload()
    assert len(sim.invoices()) == count
    assert sim.calls[-1].status == 0
    assert sim.faults.used(name) == 1
    assert cmic.upload().status_code == 200


@pytest.mark.parametrize(
    ("name", "params", "status", "count"),
    [
        ("server_error", {}, 500, 0),
        ("server_error", {"status": 503}, 503, 0),
        ("server_error_after_store", {"status": 502}, 502, 1),
        ("error_in_ok", {}, 200, 0),
        ("garbage_ok", {}, 200, 0),
        ("garbage_ok", {"stored": True}, 200, 1),
        ("redirect", {}, 302, 0),
        ("throttled", {}, 429, 0),
        ("unauthorised", {}, 401, 0),
        ("forbidden", {"module": "ecm"}, 403, 0),
        ("not_licensed", {"module": "ecm"}, 400, 0),
        ("refuse_upload", {"message": "Period is closed."}, 400, 0),
        ("maintenance", {}, 503, 0),
    ],
)
def test_a_named_fault_strikes_once(cmic, sim, name, params, status, count):
    sim.faults.set(name, 1, **params)
    answer = cmic.upload()
    assert answer.status_code == status
    assert "Success" not in answer.text
    assert len(sim.invoices()) == count
    assert cmic.upload().json()["status"] == "Success"


def test_a_fault_concerns_only_what_it_matches(cmic, sim):
    sim.faults.set("server_error", match="PEX-7")
    assert cmic.upload().status_code == 200
    assert cmic.upload(make_payload(Apri_Inv_Code="PEX-7")).status_code == 500
    sim.faults.clear("server_error")
    sim.faults.set("forbidden", module="jc")
    sim.faults.set("not_licensed", module="gl")
    assert cmic.get(JOBS).status_code == 403
    gl = cmic.get("glrestapi/rest/v1/glaccounts")
    assert "You are not licensed to use this API program" in gl.text
    assert cmic.get(VENDORS).status_code == 200


def test_look_ups_can_fail_or_ignore_their_filter(cmic, sim):
    cmic.upload()
    sim.faults.set("lookup_error", 1)
    assert cmic.get(INVOICES, q=look_up()).status_code == 500
    sim.faults.set("lookup_error", 1, drop=True)
    with pytest.raises(requests.ConnectionError):
        cmic.get(VOUCHERS)
    assert cmic.get(VENDORS).status_code == 200
    sim.faults.set("filter_ignored", match="apreginv")
    assert cmic.codes(INVOICES, "ApriInvCode", q=look_up("PEX-9")) == [NUMBER]


def test_rows_without_order_may_move_between_pages(cmic, sim):
    sim.faults.set("unsorted")
    first, second = (cmic.codes(JOBS, "JobCode", limit=50) for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second)


def test_unknown_faults_and_hold_points_are_refused(sim):
    with pytest.raises(ValueError, match="unknown fault"):
        sim.faults.set("surprise")
    with pytest.raises(ValueError, match="unknown hold point"):
        sim.hold("nowhere")


@pytest.mark.parametrize(
    ("point", "count"), [("upload_arrived", 0), ("upload_stored", 1)]
)
def test_an_upload_waits_at_a_hold_point_until_released(cmic, sim, point, count):
    sim.hold(point)
    answers = []
    sender = threading.Thread(target=lambda: answers.append(cmic.upload()))
    sender.start()
    sim.wait_until_held(point)
    assert (len(sim.invoices()), answers) == (count, [])
    assert sim.state()["counts"]["invoices"] == count
    sim.release(point)
    sender.join()
    assert answers[0].status_code == 200
    assert len(sim.invoices()) == 1


def test_a_caller_that_died_while_held_is_stored_all_the_same(cmic, sim, capfd):
    sim.hold("upload_arrived")
    with pytest.raises(requests.Timeout):
        cmic.upload(timeout=0.1)
    sim.wait_until_held("upload_arrived")
    sim.release("upload_arrived")
    assert cmic.door("GET", "calls").status_code == 200
    cmic.server.close()
    assert len(sim.invoices(NUMBER)) == 1
    assert capfd.readouterr() == ("", "")


def test_a_caller_that_died_while_sending_leaves_nothing_behind(cmic, sim, capfd):
    head = f"POST /cmictest/{UPLOAD} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"
    with socket.create_connection(("127.0.0.1", cmic.server.port)) as caller:
        caller.sendall(head.encode() + b"half")
    cmic.server.close()
    assert sim.invoices() == []
    assert capfd.readouterr() == ("", "")


def test_closing_the_server_lets_go_whoever_is_held(sim):
    sim.hold("listing")
    with sim.serve() as server:
        url = f"{server.base_url}/{JOBS}"
        caller = threading.Thread(
            target=lambda: requests.get(url, auth=AUTH, timeout=10)
        )
        caller.start()
        sim.wait_until_held("listing")
    caller.join(5)
    assert not caller.is_alive()
    with sim.serve(server.port) as again:
        assert again.url == server.url


def test_more_than_fifteen_calls_a_second_get_429_without_retry_after():
    sim = CmicSimulator(limits=True)
    sim._window._ticks = lambda: 0.0
    with sim.serve() as server, requests.Session() as session:
        answers = [Caller(server, session).get(JOBS) for _ in range(16)]
    assert [answer.status_code for answer in answers] == [200] * 15 + [429]
    assert "Retry-After" not in answers[-1].headers
    assert answers[-1].text == "Too Many Requests"


def test_more_than_five_calls_at_once_get_429():
    sim = CmicSimulator(limits=True)
    with sim.serve() as server:
        sim.hold("listing", times=5)
        url = f"{server.base_url}/{JOBS}"
        callers = [
            threading.Thread(target=lambda: requests.get(url, auth=AUTH, timeout=10))
            for _ in range(5)
        ]
        for caller in callers:
            caller.start()
        sim.wait_until_held("listing", count=5)
        assert requests.get(url, auth=AUTH, timeout=10).status_code == 429
        sim.release("listing")
        for caller in callers:
            caller.join()
    assert sim.peak_in_flight == 6


def test_the_journal_tells_every_call_but_those_at_the_door(cmic, sim):
    cmic.get(JOBS, limit=3)
    cmic.door("GET", "state")
    [call] = sim.calls
    assert (call.method, call.path, call.status) == ("GET", f"/cmictest/{JOBS}", 200)
    assert dict(call.query) == {"limit": "3"}
    assert cmic.door("GET", "calls").json()["calls"][0]["path"] == f"/cmictest/{JOBS}"
    cmic.door("POST", "calls/clear")
    assert sim.calls == []


def test_the_door_works_everything_a_script_needs(cmic, sim):
    cmic.door("POST", "clock", now="2026-04-01T12:00:00+00:00")
    assert sim.now() == datetime(2026, 4, 1, 12, tzinfo=UTC)
    cmic.door("POST", "faults", name="server_error", times=1, status=502, match=UPLOAD)
    assert cmic.upload().status_code == 502
    assert cmic.door("GET", "faults").json()["used"]["server_error"] == 1
    assert cmic.door("POST", "faults", name="surprise").status_code == 400
    cmic.door("POST", "faults", name="maintenance")
    cmic.door("DELETE", "faults", name="maintenance")
    cmic.door("POST", "settings", duplicates="refuse")
    assert cmic.door("POST", "settings", nonsense=1).status_code == 400
    assert cmic.upload().status_code == 200
    [invoice] = cmic.door("GET", "state").json()["invoices"]
    assert (invoice["number"], invoice["amount"]) == (NUMBER, 118.4)
    assert invoice["file_size"] == len(PDF)
    assert invoice["file_sha256"] == hashlib.sha256(PDF).hexdigest()
    done = cmic.door("POST", "voucher", number=NUMBER).json()
    assert done["result"]["number"] == 101690
    cmic.door(
        "POST", "invoice", number="B-1", amount="7.50", date="2026-03-01", group="PEX"
    )
    assert cmic.door("POST", "close_job", code="017401").json()["result"] == 1
    assert cmic.door("POST", "hold", point="listing").json()["held"]["listing"] == 0
    cmic.door("POST", "release", point="listing")
    assert cmic.door("GET", "nothing").status_code == 404
    counts = cmic.door("POST", "reset").json()["counts"]
    assert counts == {
        "invoices": 0,
        "visible": 0,
        "vouchers": 0,
        "calls": 0,
        "total": 0,
    }


def test_connections_are_kept_between_calls(cmic):
    for _ in range(20):
        assert cmic.get(JOBS).status_code == 200
        assert cmic.upload().status_code == 200
    assert len(cmic.server._connections) == 1


def test_the_program_announces_its_url_and_stops_quietly():
    program = [sys.executable, "-m", "tests.simulators.cmic", "--port", "0"]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().strip()
        assert requests.get(f"{url}/{JOBS}", auth=AUTH, timeout=10).status_code == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")
