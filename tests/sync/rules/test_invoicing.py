"""The invoice, its number and its description."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.api.cmic.types import LineType
from sync.rules.coding import CodedLine
from sync.rules.invoicing import (
    InvoiceRules,
    build_invoice,
    describe,
    digest,
    invoice_number,
)

RULES = InvoiceRules("001", "PEX01", "PEX", "Y", "USD")


def line(amount, *codes):
    codes = codes or ("017401", "02.100", "4000")
    return CodedLine(LineType.JOB, codes, ("static",) * len(codes), Decimal(amount))


def build(amount, *lines, **changes):
    options = {
        "number": "PEX-1",
        "on": date(2026, 3, 31),
        "amount": Decimal(amount),
        "merchant": "Hardware store",
        "cardholder": "J Doe",
        "lines": lines,
        "rules": RULES,
        **changes,
    }
    return build_invoice(**options)


@pytest.mark.parametrize(
    ("transaction_id", "generation", "number"),
    [
        (987654321, 1, "PEX-987654321"),
        (987654321, 2, "PEX-987654321-2"),
        (987654321, 11, "PEX-987654321-11"),
        (1234567890123456, 1, "PEX-1234567890123456"),
        (12345678901234567, 1, "PEX-3DK6EL9T85J"),
        (1234567890123456, 2, "PEX-C5M8NQ6ITC-2"),
    ],
)
def test_the_number_says_which_purchase_it_is(transaction_id, generation, number):
    assert invoice_number(transaction_id, generation) == number


@given(transaction_id=st.integers(1, 2**63 - 1), generation=st.integers(1, 99))
def test_the_number_fits_into_twenty_characters(transaction_id, generation):
    number = invoice_number(transaction_id, generation)
    assert len(number) <= 20
    assert number == invoice_number(transaction_id, generation)


@given(
    ids=st.sets(st.integers(10**8, 10**12), min_size=2, max_size=50),
    generations=st.integers(1, 3),
)
def test_no_two_purchases_share_a_number(ids, generations):
    numbers = {
        invoice_number(each, generation)
        for each in ids
        for generation in range(1, generations + 1)
    }
    assert len(numbers) == len(ids) * generations


def test_the_description_is_the_merchant_and_then_the_cardholder():
    assert describe("Hardware store", "J Doe") == "Hardware store - J Doe"
    assert describe("Hardware store", "") == "Hardware store"
    assert describe("", "J Doe") == "J Doe"


def test_the_description_ends_at_thirty_characters_and_not_with_a_dash():
    assert describe("Consolidated Electrical Dist.", "Lee") == (
        "Consolidated Electrical Dist."
    )
    assert len(describe("M" * 200, "Lee")) == 30


@pytest.mark.parametrize(
    ("merchant", "cardholder", "said"),
    [
        ("ACE TOOLS", "Zoë Núñez-Ibañez Q", "ACE TOOLS - Zoë Núñez-Ibañ"),
        ("ACE TOOLS", "Zoe\u0308 Nun\u0303ez", "ACE TOOLS - Zoë Nuñez"),
        ("é" * 29, "", "é" * 15),
        ("x" + "é" * 29, "", "x" + "é" * 14),
        ("x\u0302" * 40, "", "x" * 30),
        ("Café 👩‍🔧🇨🇦 Bar ☕", "👍🏽", "Café Bar"),
        ("Lowe’s – “Depot”…", "Łukasz", 'Lowe\'s - "Depot"... - Lukasz'),
        ("Кафе", "北京", "Kafe - BeiJing"),
        ("ACE\u200b TOOLS\u00a0\u202f 4", "", "ACE TOOLS 4"),
        ("３Ｍ", "", "3M"),
        ("👍", "", ""),
    ],
)
def test_the_description_is_of_cmics_characters_and_counted_in_bytes(
    merchant, cardholder, said
):
    assert describe(merchant, cardholder) == said


@given(merchant=st.text(), cardholder=st.text(), width=st.integers(0, 40))
def test_no_text_is_longer_than_its_column_or_of_letters_that_it_lacks(
    merchant, cardholder, width
):
    said = describe(merchant, cardholder, width)
    assert len(said.encode()) <= width
    assert said.encode("latin-1").decode("latin-1").isprintable()


def test_each_split_is_a_line_in_order():
    invoice = build("118.40", line("60.00"), line("58.40", "017401", "03.300", "4000"))
    assert [str(each.amount) for each in invoice.lines] == ["60.00", "58.40"]
    assert invoice.lines[1].codes == ("017401", "03.300", "4000")
    assert invoice.amount == Decimal("118.40")


def test_lines_that_do_not_add_up_make_no_invoice():
    with pytest.raises(ValueError, match=r"add up to 100\.00, not to 118\.40"):
        build("118.40", line("60.00"), line("40.00"))
    with pytest.raises(ValueError, match="PEX-1"):
        build("118.40")


def test_the_currency_is_dollars_where_the_company_has_none():
    rules = InvoiceRules("001", "PEX01", "PEX", "Y", "")
    assert build("1.00", line("1.00"), rules=rules).currency == "USD"


def test_the_digest_tells_two_payloads_and_two_documents_apart():
    assert digest({"a": 1, "b": 2}, "x") == digest({"b": 2, "a": 1}, "x")
    assert digest({"a": 1}, "x") != digest({"a": 2}, "x")
    assert digest({"a": 1}, "x") != digest({"a": 1}, "y")
