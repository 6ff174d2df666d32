"""An invoice in the columns of one customer's CMiC."""

from datetime import date
from decimal import Decimal

import pytest

from connector.api.cmic.flysheets import Layout, payload
from connector.api.cmic.types import Invoice, InvoiceLine, LineType, Location

LOCATION = Location("S", "D")


def invoice(*lines):
    return Invoice(
        company="001",
        vendor="PEX01",
        group="PEX",
        number="PEX-1",
        on=date(2026, 3, 1),
        currency="USD",
        description="Depot",
        valid_flag="Y",
        amount=sum((line.amount for line in lines), Decimal("0.00")),
        lines=lines,
    )


def line(type_code, *codes, amount="10.00"):
    return InvoiceLine(LineType(type_code), codes, Decimal(amount))


def test_every_value_is_a_text_and_empty_ones_are_left_out():
    body = payload(invoice(line("G", "10", "600.004")), Layout(), LOCATION)
    (detail,) = body["detailData"]
    assert "Aprid_Costtran_Code" not in detail
    assert detail["Aprid_Costaccount_Code"] == "600.004"
    assert "Apri_Job_Code" not in body["headerData"]
    assert all(isinstance(each, str) for each in body["headerData"].values())


def test_the_header_names_the_job_when_all_lines_share_it():
    one = payload(
        invoice(line("J", "017401", "a", "b"), line("J", "017401", "c", "d")),
        Layout(),
        LOCATION,
    )
    assert one["headerData"]["Apri_Job_Code"] == "017401"
    two = payload(
        invoice(line("J", "017401", "a", "b"), line("J", "24.018", "c", "d")),
        Layout(),
        LOCATION,
    )
    assert "Apri_Job_Code" not in two["headerData"]


def test_a_refund_is_negative_in_header_and_line():
    body = payload(
        invoice(line("J", "1", "2", "3", amount="-15.20")), Layout(), LOCATION
    )
    assert body["headerData"]["Apri_Amt"] == "-15.20"
    assert body["detailData"][0]["Aprid_Amt"] == "-15.20"


def test_a_customers_own_names_replace_the_defaults():
    layout = Layout.from_settings(
        {
            "header_flysheet": "Our invoices",
            "header": {"company": "Company", "due_date": ""},
            "detail": {"job_dept_eqp": "Job_No"},
        }
    )
    body = payload(invoice(line("J", "1", "2", "3")), layout, LOCATION)
    assert body["headerFlysheet"] == "Our invoices"
    assert body["headerData"]["Company"] == "001"
    assert "Apri_Due_Date" not in body["headerData"]
    assert body["detailData"][0]["Job_No"] == "1"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"headr": {}}, "“headr” is not one of"),
        ({"header": {"colour": "x"}}, "“header.colour” is not one of"),
        ({"header": {"company": 3}}, "must be a column's name"),
        ({"header": []}, "must be an object"),
        ({"header_flysheet": ""}, "must be the name of a flysheet"),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused_in_words(settings, said):
    with pytest.raises(ValueError, match=said):
        Layout.from_settings(settings)
