"""Invoices that CMiC refuses because they are wrong, and how it says so.

Refusals without a reason in the invoice are left to `test_cmic_faults`.
"""

import pytest

from tests.simulators.checks.cmic_caller import (
    CATEGORIES,
    JOBS,
    make_line,
    make_payload,
)
from tests.simulators.contractor import ALL_SOURCES_UUID


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
        ({"Apri_Desc": "ë" * 16}, '"APRI_DESC" (actual: 32, maximum: 30)'),
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
