"""The CMiC simulator as a server: journal, control door, connections and program.

What it answers is left to the other modules.
"""

import hashlib
import signal
import subprocess
import sys
from datetime import UTC, datetime

import requests

from tests.simulators.checks.cmic_caller import AUTH, JOBS, NUMBER, PDF, UPLOAD


def test_the_journal_tells_every_call_but_those_at_the_door(cmic, sim):
    cmic.get(JOBS, limit=3)
    cmic.door("GET", "state")
    [call] = sim.calls
    assert (call.method, call.path, call.status) == ("GET", f"/cmictest/{JOBS}", 200)
    assert dict(call.query) == {"limit": "3"}
    assert cmic.door("GET", "calls").json()["calls"][0]["path"] == f"/cmictest/{JOBS}"
    cmic.door("POST", "calls/clear")
    assert sim.calls == []


def test_the_door_works_everything_a_script_needs(cmic, sim):
    cmic.door("POST", "clock", now="2026-04-01T12:00:00+00:00")
    assert sim.now() == datetime(2026, 4, 1, 12, tzinfo=UTC)
    cmic.door("POST", "faults", name="server_error", times=1, status=502, match=UPLOAD)
    assert cmic.upload().status_code == 502
    assert cmic.door("GET", "faults").json()["used"]["server_error"] == 1
    assert cmic.door("POST", "faults", name="surprise").status_code == 400
    cmic.door("POST", "faults", name="maintenance")
    cmic.door("DELETE", "faults", name="maintenance")
    cmic.door("POST", "settings", duplicates="refuse")
    assert cmic.door("POST", "settings", nonsense=1).status_code == 400
    assert cmic.upload().status_code == 200
    [invoice] = cmic.door("GET", "state").json()["invoices"]
    assert (invoice["number"], invoice["amount"]) == (NUMBER, 118.4)
    assert invoice["file_size"] == len(PDF)
    assert invoice["file_sha256"] == hashlib.sha256(PDF).hexdigest()
    done = cmic.door("POST", "voucher", number=NUMBER).json()
    assert done["result"]["number"] == 101690
    cmic.door(
        "POST", "invoice", number="B-1", amount="7.50", date="2026-03-01", group="PEX"
    )
    assert cmic.door("POST", "close_job", code="017401").json()["result"] == 1
    assert cmic.door("POST", "hold", point="listing").json()["held"]["listing"] == 0
    cmic.door("POST", "release", point="listing")
    assert cmic.door("GET", "nothing").status_code == 404
    counts = cmic.door("POST", "reset").json()["counts"]
    assert counts == {
        "invoices": 0,
        "visible": 0,
        "vouchers": 0,
        "calls": 0,
        "total": 0,
    }


def test_connections_are_kept_between_calls(cmic):
    for _ in range(20):
        assert cmic.get(JOBS).status_code == 200
        assert cmic.upload().status_code == 200
    assert len(cmic.server._connections) == 1


def test_the_program_announces_its_url_and_stops_quietly():
    program = [sys.executable, "-m", "tests.simulators.cmic", "--port", "0"]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().strip()
        assert requests.get(f"{url}/{JOBS}", auth=AUTH, timeout=10).status_code == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")
