"""Splits become lines to the cent, or say what they add up to."""

from decimal import Decimal

import pytest

from connector.api.cmic.types import CodeKind, LineType
from connector.api.pex.split_types import read_tags
from connector.api.pex.types import Purchase
from sync.rules.coding import CodingRules, FieldRule
from sync.rules.facts import from_json, to_json
from sync.rules.splits import coded_lines

CODING = CodingRules(LineType.JOB, (FieldRule("Job", CodeKind.JOB, static="017401"),))


def judged(amount, *said):
    """The amounts of the lines, and the sentences about splits of these amounts."""
    entries = [
        {"FieldId": "s", "Value": {"Allocation": [], "Amount": each}} for each in said
    ]
    read = read_tags(entries)
    purchase = Purchase(1, splits=tuple(read.splits), odd_splits=tuple(read.odd_splits))
    at_once = coded_lines(purchase, Decimal(amount), CODING, {})
    kept = from_json(1, to_json(purchase))
    assert coded_lines(kept, Decimal(amount), CODING, {}) == at_once
    lines, reasons = at_once
    return (
        tuple(str(line.amount) for line in lines),
        tuple(reason.message for reason in dict.fromkeys(reasons)),
    )


def test_the_noise_of_floats_is_no_difference():
    noisy = Decimal("29.599999999999994")
    assert judged("78.30", Decimal("48.70"), noisy) == (("48.70", "29.60"), ())


def test_thirds_of_a_purchase_are_held_with_their_sum_and_the_difference():
    _, sentences = judged("100.00", *["33.333333"] * 3)
    assert sentences == (
        "A split of the purchase has “33.333333” for an amount, which has a fraction "
        "of a cent. The splits add up to 99.999999, the purchase is 100.00: the "
        "difference is 0.000001. Correct the splits in PEX.",
    )


def test_halves_of_cents_are_held_though_they_add_up():
    _, [sentence] = judged("10.01", "5.005", "5.005")
    assert "has “5.005” for an amount" in sentence
    assert "add up to 10.01, which is the purchase's amount." in sentence


def test_the_sum_is_not_told_where_another_split_cannot_be_read():
    _, sentences = judged("10.00", "5.005", "5,00")
    assert len(sentences) == 2
    assert "add up" not in "".join(sentences)


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("118.40", "add up to 60.00, the purchase is 118.40: the difference is 58.40."),
        ("-1.00", "add up to -60.00, the purchase is -1.00: the difference is 59.00."),
    ],
)
def test_a_wrong_sum_is_told_with_the_difference(amount, said):
    _, [sentence] = judged(amount, "60.00")
    assert said in sentence


def test_a_split_of_nothing_has_no_minus_in_a_refund():
    lines, _ = judged("-5.00", "5.00", "0.00", Decimal("-0.0"))
    assert lines == ("-5.00", "0.00", "0.00")
