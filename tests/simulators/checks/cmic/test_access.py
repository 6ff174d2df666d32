"""Who the CMiC simulator lets in, where, and how often.

What a caller then reads or uploads is left to the other modules.
"""

import threading
from datetime import timedelta

import pytest
import requests

from tests.simulators.checks.cmic_caller import AUTH, JOBS, CmicCaller
from tests.simulators.cmic import CmicSimulator


@pytest.mark.parametrize(
    "auth", [None, ("APIUSER", "sandbox-password"), ("ACME||APIUSER", "wrong")]
)
def test_a_wrong_user_gets_401_with_an_empty_body(cmic, auth):
    answer = requests.get(f"{cmic.server.base_url}/{JOBS}", auth=auth, timeout=10)
    assert (answer.status_code, answer.text) == (401, "")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_client_credentials_give_a_bearer_token_that_expires(cmic, sim):
    form = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
    }
    url = f"{cmic.server.base_url}/oauth2/token"
    token = requests.post(url, data=form, timeout=10).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    jobs = f"{cmic.server.base_url}/{JOBS}"
    assert requests.get(jobs, headers=headers, timeout=10).status_code == 200
    sim.advance(timedelta(hours=2))
    assert requests.get(jobs, headers=headers, timeout=10).status_code == 401
    form["client_secret"] = "wrong"
    assert requests.post(url, data=form, timeout=10).status_code == 401


def test_paths_outside_the_environment_are_not_found(cmic):
    answer = requests.get(f"{cmic.server.url}/other/{JOBS}", auth=AUTH, timeout=10)
    assert answer.status_code == 404
    assert cmic.get("ap-rest-api/rest/1/nothing").status_code == 404


def test_more_than_fifteen_calls_a_second_get_429_without_retry_after():
    sim = CmicSimulator(limits=True)
    sim._window._ticks = lambda: 0.0
    with sim.serve() as server, requests.Session() as session:
        answers = [CmicCaller(server, session).get(JOBS) for _ in range(16)]
    assert [answer.status_code for answer in answers] == [200] * 15 + [429]
    assert "Retry-After" not in answers[-1].headers
    assert answers[-1].text == "Too Many Requests"


def test_more_than_five_calls_at_once_get_429():
    sim = CmicSimulator(limits=True)
    with sim.serve() as server:
        sim.hold("listing", times=5)
        url = f"{server.base_url}/{JOBS}"
        callers = [
            threading.Thread(target=lambda: requests.get(url, auth=AUTH, timeout=10))
            for _ in range(5)
        ]
        for caller in callers:
            caller.start()
        sim.wait_until_held("listing", count=5)
        assert requests.get(url, auth=AUTH, timeout=10).status_code == 429
        sim.release("listing")
        for caller in callers:
            caller.join()
    assert sim.peak_in_flight == 6
