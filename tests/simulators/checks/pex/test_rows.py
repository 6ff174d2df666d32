"""What one row of a PEX listing shows, and how a test makes it show anything else.

Which rows are listed is left to `test_pex_listing`.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal

from tests.simulators.checks.pex_caller import ALL, CODING, DAYS, JOB, JOB_ID, PURCHASES
from tests.simulators.pex import MISSING


def test_a_settled_purchase_looks_like_the_documented_sample(pex, api):
    number = pex.add_purchase(
        "178.55", tags=CODING, when=datetime(2026, 11, 19, 8, 12, 44, tzinfo=UTC)
    )
    row = api.row(number)
    assert row["TransactionTime"] == row["SettlementTime"] == "2026-11-19T03:12:44"
    assert row["HoldTime"] == "2026-11-18T03:12:44"
    assert (row["TransactionAmount"], row["TransactionType"]) == (-178.55, "Network")
    assert row["MCCCode"] == "5251"
    assert row["AuthTransactionId"] not in (0, number)
    assert row["TransactionNotes"] is None
    assert row["MetadataApprovalStatus"] == "Approved"
    assert row["TransactionTags"]["Tags"][0] == {
        "FieldId": JOB_ID,
        "Name": JOB,
        "Value": "017401",
    }


def test_amounts_are_exact_json_numbers(pex, api):
    number = pex.add_purchase("2399.99")
    text = api.call("GET", ALL, params=DAYS).text
    exact = json.loads(text, parse_float=Decimal)["TransactionList"][0]
    assert exact["TransactionAmount"] == Decimal("-2399.99")
    pex.override(number, TransactionAmount=None)
    assert api.row(number)["TransactionAmount"] is None


def test_refunds_disputes_and_fees_have_their_signs_and_types(pex, api):
    kinds = ("purchase", "refund", "dispute", "fee", "rebate")
    shown = {}
    for kind in kinds:
        row = api.row(pex.add_purchase("7.00", kind=kind))
        shown[kind] = (
            row["TransactionAmount"],
            row["TransactionType"],
            row["TransactionTypeCategory"],
        )
    assert shown == {
        "purchase": (-7, "Network", "Spend"),
        "refund": (7, "Network", "Spend"),
        "dispute": (7, "Transfer", "Dispute"),
        "fee": (-7, "Transfer", "CardAccountFee"),
        "rebate": (7, "Transfer", "BusinessRebate"),
    }
    in_purchases = api.get(PURCHASES)["Pagination"]["TotalCount"]
    assert in_purchases == 3
    newer = api.get("V4/Transactions/Cardholder/Transactions")
    assert newer["Pagination"]["TotalCount"] == 5


def test_splits_come_as_objects_and_text_with_amounts_as_numbers_and_text(pex, api):
    splits = [("10.50", CODING), (Decimal("9.50"), CODING), ("5.00", {JOB: "24.018"})]
    row = api.row(pex.add_purchase("25.00", splits=splits))
    tags = row["TransactionTags"]["Tags"]
    assert {tag["Name"] for tag in tags} == {"Split"}
    assert len({tag["FieldId"] for tag in tags}) == 1
    assert [type(tag["Value"]) for tag in tags] == [str, dict, str]
    lines = [
        value if isinstance(value, dict) else json.loads(value)
        for value in (tag["Value"] for tag in tags)
    ]
    assert [line["Amount"] for line in lines] == ["10.50", 9.5, "5.00"]
    assert lines[2]["Allocation"] == [{"TagId": JOB_ID, "Value": "24.018"}]


def test_null_and_empty_notes_and_tags_are_both_shown(pex, api):
    nothing = api.row(pex.add_purchase("1.00"))
    assert (nothing["TransactionNotes"], nothing["TransactionTags"]) == (None, None)
    empty = api.row(pex.add_purchase("1.00", note=[], tags={}))
    assert empty["TransactionNotes"] == []
    assert (empty["TransactionTags"]["Tags"], empty["TransactionTags"]["State"]) == (
        [],
        "Initial",
    )


def test_any_member_of_a_row_can_be_replaced_or_left_out(pex, api):
    number = pex.add_purchase("1.00")
    pex.override(number, MerchantName="x" * 1_000_000, TransactionTags=[1])
    pex.raw(number)["AcctId"] = MISSING
    row = api.row(number)
    assert len(row["MerchantName"]) == 1_000_000
    assert row["TransactionTags"] == [1]
    assert "AcctId" not in row
    pex.raw(number).clear()
    assert api.row(number)["AcctId"] == 880101
