"""Which of CMiC's codes a value may mean."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connector.codes import nearest
from connector.codes.nearest import Wanted, guesses
from connector.models import CmicCode

JOBS = {
    "017401": "Riverside Tower",
    "24-0117": "City Garage",
    "24-0118": "Clinic on Main Street",
    "0042": "Bridge",
    "9042": "Tunnel",
    "1.0": "",
    "10": "",
    "A\u00a07": "Annex",
}


def add_codes(tenant, codes, kind="job", **values):
    values = {"company": "001", "seen_at": timezone.now(), **values}
    CmicCode.objects.bulk_create(
        CmicCode(tenant=tenant, kind=kind, code=code, name=name, **values)
        for code, name in codes.items()
    )


@pytest.fixture
def acme(tenant):
    add_codes(tenant, JOBS)
    add_codes(tenant, {"117401": "Of another company"}, company="002")
    add_codes(tenant, {"17401": "Closed"}, is_active=False)
    return tenant


def guess(tenant, value, kind="job", place=()):
    [found] = guesses([Wanted(tenant.pk, kind, value, place)])
    return found


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("17401", "017401"),
        ("42", "0042"),
        ("240117", "24-0117"),
        ("24-117", "24-0117"),
        ("24.0117", "24-0117"),
        ("24 0117", "24-0117"),
        ("24–0117", "24-0117"),
        ("a 7", "A\u00a07"),
    ],
)
def test_zeros_and_separators_alone_make_no_other_code(acme, value, code):
    found = guess(acme, value)
    assert found.same.code == found.nearest[0].code == code


@pytest.mark.parametrize("value", ["100", "01", "2", "017410", "Riverside Tower", "-"])
def test_what_is_another_code_or_two_is_not_the_same(acme, value):
    assert guess(acme, value).same is None


def test_two_codes_that_differ_in_separators_only_are_both_near_and_none_is_meant(acme):
    found = guess(acme, "0010")
    assert found.same is None
    assert {near.code for near in found.nearest[:2]} == {"1.0", "10"}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("107401", "017401"),
        ("01740", "017401"),
        ("Riversdie Tower", "017401"),
        ("tower riverside", "017401"),
        ("City Garge", "24-0117"),
        ("Riverside Tower (017401)", "017401"),
        ("Clinic on Main St", "24-0118"),
    ],
)
def test_swapped_lost_and_misspelt_is_near_and_named(acme, value, code):
    near = guess(acme, value).nearest[0]
    assert (near.code, near.name) == (code, JOBS[code])


def test_what_is_like_nothing_has_nothing_near(acme):
    assert guess(acme, "XXYYZZ").nearest == ()


def test_only_what_hangs_on_the_place_is_near(acme):
    for parent, code in (("24-0117", "02.101"), ("24-0118", "2.100")):
        add_codes(acme, {code: ""}, kind="cost_code", parent=parent)
    found = guess(acme, "02.100", "cost_code", ("24-0117",))
    assert [near.code for near in found.nearest] == ["02.101"]


def test_of_a_list_that_is_too_long_the_neighbours_are_near(acme, monkeypatch):
    monkeypatch.setattr(nearest, "_MOST_CODES", 3)
    found = guess(acme, "24-0119")
    assert found.nearest[0].code == "24-0118"
    assert guess(acme, "24-117").same is None


def test_many_values_cost_no_more_questions_than_one(acme):
    add_codes(acme, {f"{n:06}": f"Job {n}" for n in range(20_000, 28_000)})
    wanted = [Wanted(acme.pk, "job", f"{n}", ()) for n in range(20_000, 20_025)]
    with CaptureQueriesContext(connection) as queries:
        found = guesses(wanted)
    assert len(queries) == 1
    assert [each.same.code for each in found] == [f"0{each.value}" for each in wanted]
