"""Faults switched on in the CMiC simulator: lost answers, errors and strange rows.

What it answers without them is left to the other modules.
"""

import pytest
import requests

from tests.simulators.checks.cmic_caller import (
    INVOICES,
    JOBS,
    NUMBER,
    VENDORS,
    VOUCHERS,
    look_up,
    make_payload,
)


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
