"""How often the PEX simulator may be called, with its limits on.

A refusal switched on as a fault is left to `test_pex_faults`.
"""

from datetime import timedelta

import pytest

from tests.simulators.checks.pex_caller import ACCOUNTS, ALL, DAYS


def test_limits_are_off_until_switched_on(pex, api):
    for _ in range(130):
        api.get("V4/Token/Current")
    pex.limits = True
    for _ in range(120):
        api.get("V4/Token/Current")
    answer = api.call("GET", "V4/Token/Current", 429)
    assert answer.json() == {"Message": "Usage Limits Exceeded"}
    assert "Retry-After" not in answer.headers
    pex.retry_after = True
    answer = api.call("GET", "V4/Token/Current", 429)
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    pex.advance(61)
    api.get("V4/Token/Current")


@pytest.mark.parametrize("path", [ALL, ACCOUNTS])
def test_scarce_lists_are_answered_ten_times_an_hour(pex, api, path):
    pex.limits = True
    for _ in range(10):
        api.get(path, **DAYS)
    api.get(path, 429, **DAYS)
    api.get("V4/Token/Current")
    pex.advance(timedelta(hours=1, seconds=1))
    api.get(path, **DAYS)
