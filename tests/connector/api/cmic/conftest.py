"""The simulated CMiC that tests of the client talk to over sockets."""

from __future__ import annotations

import pytest

from tests.simulators.cmic import CmicSimulator


@pytest.fixture
def sim():
    simulator = CmicSimulator()
    with simulator.serve() as server:
        simulator.url = server.base_url
        yield simulator
