"""Uploads made to wait in the CMiC simulator, and callers that go away meanwhile.

Connections cut as a fault are left to `test_cmic_faults`.
"""

import socket
import threading

import pytest
import requests

from tests.simulators.checks.cmic_caller import AUTH, JOBS, NUMBER, UPLOAD


@pytest.mark.parametrize(
    ("point", "count"), [("upload_arrived", 0), ("upload_stored", 1)]
)
def test_an_upload_waits_at_a_hold_point_until_released(cmic, sim, point, count):
    sim.hold(point)
    answers = []
    sender = threading.Thread(target=lambda: answers.append(cmic.upload()))
    sender.start()
    sim.wait_until_held(point)
    assert (len(sim.invoices()), answers) == (count, [])
    assert sim.state()["counts"]["invoices"] == count
    sim.release(point)
    sender.join()
    assert answers[0].status_code == 200
    assert len(sim.invoices()) == 1


def test_a_caller_that_died_while_held_is_stored_all_the_same(cmic, sim, capfd):
    sim.hold("upload_arrived")
    with pytest.raises(requests.Timeout):
        cmic.upload(timeout=0.1)
    sim.wait_until_held("upload_arrived")
    sim.release("upload_arrived")
    assert cmic.door("GET", "calls").status_code == 200
    cmic.server.close()
    assert len(sim.invoices(NUMBER)) == 1
    assert capfd.readouterr() == ("", "")


def test_a_caller_that_died_while_sending_leaves_nothing_behind(cmic, sim, capfd):
    head = f"POST /cmictest/{UPLOAD} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"
    with socket.create_connection(("127.0.0.1", cmic.server.port)) as caller:
        caller.sendall(head.encode() + b"half")
    cmic.server.close()
    assert sim.invoices() == []
    assert capfd.readouterr() == ("", "")


def test_closing_the_server_lets_go_whoever_is_held(sim):
    sim.hold("listing")
    with sim.serve() as server:
        url = f"{server.base_url}/{JOBS}"
        caller = threading.Thread(
            target=lambda: requests.get(url, auth=AUTH, timeout=10)
        )
        caller.start()
        sim.wait_until_held("listing")
    caller.join(5)
    assert not caller.is_alive()
    with sim.serve(server.port) as again:
        assert again.url == server.url
