"""Whatever stands in a row of PEX's list costs no more than that field."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.api.pex.reading import (
    UnreadableError,
    read_amount,
    read_eastern,
    read_text,
)
from connector.api.pex.types import Purchase, Tag, tag_named

ROW = {
    "TransactionId": 419086499,
    "AcctId": 880101,
    "TransactionTime": "2026-08-19T03:12:44",
    "SettlementTime": "2026-08-19T03:12:44",
    "AuthTransactionId": 419085299,
    "TransactionAmount": Decimal("-178.55"),
    "TransactionType": "Network",
    "TransactionTypeCategory": "Spend",
    "TransactionNotes": None,
    "IsPending": False,
    "IsDecline": False,
    "MerchantName": "HOMEBUILD SUPPLY #0412",
    "TransactionTags": {"Tags": [{"FieldId": "a1", "Value": "24-017", "Name": "Job"}]},
    "MetadataApprovalStatus": "Not Reviewed",
}

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=True)
    | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=5,
)


def split(amount, value):
    return {
        "TagId": "s",
        "Allocation": [{"TagId": "a1", "Value": value}],
        "Amount": amount,
    }


def test_a_row_is_read():
    purchase = Purchase.from_api(ROW)
    assert purchase.amount == Decimal("-178.55")
    assert purchase.occurred_at == datetime(2026, 8, 19, 7, 12, 44, tzinfo=UTC)
    assert purchase.approval == "notreviewed"
    assert purchase.tags[0].value == "24-017"
    assert purchase.unreadable == ()


def test_splits_are_read_as_object_and_as_text_with_amounts_of_both_kinds():
    entries = [
        {"FieldId": "s", "Value": split("80.00", "24-017")},
        {"FieldId": "s", "Value": json.dumps(split(98.55, "24-018"))},
    ]
    purchase = Purchase.from_api({**ROW, "TransactionTags": {"Tags": entries}})
    assert [str(each.amount) for each in purchase.splits] == ["80.00", "98.55"]
    assert purchase.splits[1].tags[0].value == "24-018"


def test_tags_of_every_type_are_read_and_an_odd_one_is_no_text():
    values = ["24-017", True, Decimal("7.5"), "{memo", [1], None, ""]
    entries = [{"FieldId": f"f{n}", "Value": value} for n, value in enumerate(values)]
    purchase = Purchase.from_api({**ROW, "TransactionTags": {"Tags": entries}})
    assert [tag.value for tag in purchase.tags] == [
        "24-017",
        "yes",
        "7.5",
        "{memo",
        None,
    ]
    assert purchase.unreadable == ()


LINE = split("80.00", "24-017")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ('{"TagId": "s", "Allocation": [', "is not the JSON"),
        ("{'Allocation': []}", "is not the JSON"),
        (json.dumps(json.dumps(LINE)), "has no list of tags"),
        (json.dumps([LINE]), "has no list of tags"),
        ([LINE], "has no list of tags"),
        ({"a": 1}, "has no list of tags"),
        ({**LINE, "Allocation": None}, "has no list of tags"),
        ({**LINE, "Allocation": "24-017"}, "has no list of tags"),
        ({**LINE, "Allocation": ["24-017"]}, "without the tag that it is of"),
        ({**LINE, "Allocation": [{"Value": "24-017"}]}, "without the tag that it is"),
        (
            {**LINE, "Allocation": [LINE | {"TagId": None}]},
            "without the tag that it is",
        ),
        ({**LINE, "Allocation": [{"Id": "a1", "Value": "x"}]}, "without the tag that"),
        ({**LINE, "Amount": None}, "has no amount"),
        ({**LINE, "Amount": ""}, "has no amount"),
        ({**LINE, "Amount": [80]}, "has no amount"),
        ({**LINE, "Amount": "80,00"}, "has “80,00” for an amount"),
        ({**LINE, "Amount": "1.234,50"}, "has “1.234,50” for an amount"),
        ({**LINE, "Amount": "80 USD"}, "has “80 USD” for an amount"),
        ({**LINE, "Amount": Decimal("80.001")}, "has “80.001” for an amount"),
        ({**LINE, "Amount": "-80.00"}, "has a negative amount, -80.00"),
    ],
)
def test_a_split_that_cannot_be_read_is_told_and_is_no_plain_tag(value, fault):
    entries = [{"FieldId": "s", "Value": value}, {"FieldId": "a1", "Value": "24-018"}]
    purchase = Purchase.from_api({**ROW, "TransactionTags": {"Tags": entries}})
    [told] = purchase.odd_splits
    assert fault in told
    assert [tag.value for tag in purchase.tags] == ["24-018"]
    assert purchase.unreadable == ()


def test_a_nested_value_of_a_split_costs_that_value():
    entries = [{"FieldId": "s", "Value": split("178.55", {"a": 1})}]
    purchase = Purchase.from_api({**ROW, "TransactionTags": {"Tags": entries}})
    assert purchase.splits[0].tags[0].value is None
    assert purchase.odd_splits == ()


@pytest.mark.parametrize("data", [None, {}, {"Tags": None}, {"State": "Initial"}])
def test_a_purchase_may_have_no_tags(data):
    purchase = Purchase.from_api({**ROW, "TransactionTags": data})
    assert (purchase.tags, purchase.splits, purchase.unreadable) == ((), (), ())


@pytest.mark.parametrize(
    "text",
    [
        "Synced with CMiC",
        "…SYNCED WITH cmic on Monday",
        "Synced\u00a0with\u202fCMiC",
        "\u200bSynced with  CM\u00adiC",
    ],
)
def test_a_marker_is_recognised_anywhere_and_in_any_case(text):
    notes = [{"NoteId": 1, "NoteText": None}, {"NoteText": text}, None, "x"]
    assert Purchase.from_api({**ROW, "TransactionNotes": notes}).is_marked


@pytest.mark.parametrize("row", [None, [], "x", {}, {"TransactionId": "abc"}])
def test_a_row_without_an_id_cannot_be_identified(row):
    with pytest.raises(UnreadableError):
        Purchase.from_api(row)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TransactionAmount", "abc"),
        ("TransactionAmount", None),
        ("TransactionAmount", Decimal("1.005")),
        ("TransactionAmount", True),
        ("TransactionTime", 5),
        ("TransactionTime", "yesterday"),
        ("TransactionTime", "0001-01-01T00:00:00"),
        ("SettlementTime", {"at": 1}),
        ("IsPending", "perhaps"),
        ("TransactionTags", "x"),
        ("TransactionTags", {"Tags": {"a": 1}}),
        ("TransactionTags", {"Tags": ["x"]}),
        ("TransactionTags", {"tags": []}),
        ("TransactionAmount", "1_000"),
        ("TransactionAmount", "1,000.00"),
        ("TransactionAmount", "１２.００"),
        ("TransactionAmount", "0" * 60 + "118.40"),
        ("TransactionAmount", Decimal("1e400")),
    ],
)
def test_an_unreadable_field_is_named_and_costs_only_itself(name, value):
    purchase = Purchase.from_api({**ROW, name: value})
    assert purchase.unreadable == (name,)
    assert purchase.transaction_id == 419086499


@given(name=st.sampled_from(sorted(set(ROW) - {"TransactionId"})), value=anything)
def test_no_value_of_any_field_stops_the_reading(name, value):
    purchase = Purchase.from_api({**ROW, name: value})
    assert purchase.transaction_id == 419086499
    assert len(purchase.merchant) <= 200


def test_a_megabyte_of_text_is_cut():
    assert len(read_text("x" * 1_000_000)) == 200
    assert read_text("a\x00b\nc") == "a b c"


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("118.40", "118.40"),
        (118, "118.00"),
        (Decimal("-3.5"), "-3.50"),
        (" 7 ", "7.00"),
        (Decimal("29.599999999999994"), "29.60"),
        (Decimal("-18.979999999999997"), "-18.98"),
        ("29.599999999999994", "29.60"),
        (Decimal("1.8979999999999997e1"), "18.98"),
        ("1.8979999999999997E+1", "18.98"),
        ("29.60000000000000142108547152020037174224853515625", "29.60"),
        (Decimal("-0.0"), "0.00"),
        (Decimal("-0.0000001"), "0.00"),
        (Decimal("1e-400"), "0.00"),
        (Decimal("9999999999.98999977"), "9999999999.99"),
    ],
)
def test_amounts_are_whole_cents_without_the_noise_of_floats(value, amount):
    assert str(read_amount(value)) == amount


@pytest.mark.parametrize(
    "value",
    [
        Decimal("33.333333"),
        Decimal("33.335"),
        Decimal("33.33001"),
        "0.0049",
        Decimal("NaN"),
        Decimal("-Infinity"),
        "1e400",
        "1e99999999",
        Decimal("1e99999999"),
        Decimal("10000000000"),
        10**60,
        "Infinity",
    ],
)
def test_a_fraction_of_a_cent_and_what_is_no_sum_of_money_stay_unreadable(value):
    with pytest.raises(UnreadableError):
        read_amount(value)


def test_a_split_says_exactly_what_is_no_money():
    entries = [{"FieldId": "s", "Value": split(Decimal("33.333333"), "24-017")}]
    purchase = Purchase.from_api({**ROW, "TransactionTags": {"Tags": entries}})
    [line] = purchase.splits
    assert (line.amount, line.exact) == (None, Decimal("33.333333"))
    assert purchase.odd_splits == (
        "has “33.333333” for an amount, which has a fraction of a cent",
    )


def test_in_the_hour_that_autumn_repeats_the_first_is_meant():
    assert read_eastern("2026-11-01T01:30:00") == datetime(
        2026, 11, 1, 5, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ([], None),
        ([("1", "dropdown", True)], "1"),
        ([("1", "dropdown", False)], "1"),
        ([("1", "dropdown", False), ("2", "text", True)], "2"),
        ([("1", "text", True), ("2", "dropdown", True)], "2"),
        ([("1", "dropdown", True), ("2", "dropdown", True)], "1"),
    ],
)
def test_of_tags_of_one_name_the_one_to_be_used_is_found(tags, found):
    rows = [Tag(number, "JOB", kind, is_usable) for number, kind, is_usable in tags]
    tag = tag_named([Tag("0", "Phase", "dropdown", True), *rows], "Job")
    assert (tag and tag.tag_id) == found
