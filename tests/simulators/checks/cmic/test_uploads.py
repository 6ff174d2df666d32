"""Invoices that CMiC takes: how they are stored, and found again by a look-up.

Those that it refuses are left to `test_cmic_refusals`.
"""

import base64
from datetime import date
from decimal import Decimal

import requests

from tests.simulators.checks.cmic_caller import (
    AUTH,
    DETAILS,
    INVOICES,
    NUMBER,
    PDF,
    UPLOAD,
    VOUCHERS,
    look_up,
    make_line,
    make_payload,
)


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
