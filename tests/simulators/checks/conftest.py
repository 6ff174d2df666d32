"""The simulators as their own tests use them: bare, and through a caller.

The fixtures of the same names for all other tests are in `tests/conftest.py`.
"""

import pytest
import requests

from tests.simulators.checks.cmic_caller import CmicCaller
from tests.simulators.checks.pex_caller import NOW, PexCaller
from tests.simulators.cmic import CmicSimulator
from tests.simulators.pex import PexSimulator


@pytest.fixture
def sim():
    return CmicSimulator()


@pytest.fixture
def cmic(sim):
    with sim.serve() as server, requests.Session() as session:
        yield CmicCaller(server, session)


@pytest.fixture
def pex():
    return PexSimulator.empty(now=NOW)


@pytest.fixture
def api(pex):
    with pex.serve() as server:
        caller = PexCaller(server.url)
        with caller.session:
            yield caller
