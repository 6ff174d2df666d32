"""JSON and text from outside: exact where it can be, and never harmful."""

from decimal import Decimal

import pytest

from connector.api.parsing import clean, parse_json, parse_rows

LIST = b'{"Pages": {"NumberOfPages": 1}, "Rows": [{"a": 1.10}, %s, {"a": 3}]}'


def test_fractions_are_exact_and_no_number_hurts():
    data = parse_json(b'{"a": 0.10, "b": 1e400, "c": ' + b"9" * 5000 + b"}")
    assert data["a"] == Decimal("0.10")
    assert data["b"] == Decimal("1e400")
    assert data["c"] == "9" * 5000


def test_a_long_list_comes_row_by_row_and_the_rest_beside_it():
    rest, rows = parse_rows(LIST % b"null", "Rows")
    assert rest == {"Pages": {"NumberOfPages": 1}}
    assert list(rows) == [{"a": Decimal("1.10")}, None, {"a": 3}]


@pytest.mark.parametrize("odd", [b"[" * 900 + b"]" * 900, b"9" * 5000, b"NaN"])
def test_an_odd_row_costs_no_other(odd):
    _, rows = parse_rows(LIST % odd, "Rows")
    first, _, third = rows
    assert (first, third) == ({"a": Decimal("1.10")}, {"a": 3})


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"{}", b'{"Rows": 5}', b'{"Rows": [1}']
)
def test_what_has_no_such_list_is_refused(body):
    with pytest.raises(ValueError, match=r".+"):
        list(parse_rows(body, "Rows")[1])


def test_a_list_that_is_null_is_empty():
    assert list(parse_rows(b'{"Rows": null}', "Rows")[1]) == []


def test_text_is_one_printable_line_of_limited_length():
    assert clean(" a\x00b\nc ", 10) == "a b c"
    assert clean("x" * 1_000_000, 5) == "xxxxx"
