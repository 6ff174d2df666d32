"""The PEX simulator as a server: its control door and the program.

What it answers is left to the other modules.
"""

import signal
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import requests

from tests.simulators.checks.pex_caller import CODING, JOB, NOW, TAGS


def test_the_control_door_shows_and_changes_the_books(pex, api):
    body = {"amount": "12.34", "tags": CODING, "receipts": ["pdf"], "story": "mine"}
    new = api.send("POST", "_sim/purchase", **body)["result"]
    assert (new["amount"], new["story"]) == (-12.34, "mine")
    number = new["id"]
    door = {"transaction_id": number}
    api.send("POST", "_sim/override", **door, TransactionAmount="abc")
    assert api.row(number)["TransactionAmount"] == "abc"
    api.send("POST", "_sim/add_note", **door, text="Synced with CMiC")
    api.send("POST", "_sim/change", **door, approved=False, tags={JOB: "24.018"})
    state = api.get("_sim/state")
    assert state["counts"]["markers"] == 1
    shown = state["transactions"][0]
    assert (shown["approval"], shown["tags"]) == ("NotReviewed", {JOB: "24.018"})
    assert shown["attachments"][0]["size"] == len(pex.receipt_bytes(number)[0])
    mail = (b64encode(b"From: a").decode(), "Image")
    api.send("POST", "_sim/change", **door, receipts=[mail])
    assert pex.receipt_bytes(number) == [b"From: a"]
    assert api.send("POST", "_sim/remove_note", **door)["result"] == 1
    api.send("POST", "_sim/settings", page_size=5, limits=True)
    assert (pex.page_size, pex.limits) == (5, True)
    api.send("POST", "_sim/faults", name="tags_off")
    api.get(TAGS, 403)
    assert api.send("POST", "_sim/reset")["transactions"] == []
    assert pex.now() == NOW
    api.get(TAGS)


def test_it_runs_as_a_program_and_stops_quietly():
    command = [sys.executable, "-m", "tests.simulators.pex", "--port", "0"]
    with subprocess.Popen(
        [*command, "--purchases", "20", "--token", "other", "--page-size", "7"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        url = process.stdout.readline().strip()
        answer = requests.get(
            f"{url}/V4/Details/AllCardholderTransactions",
            params={
                "StartDate": f"{datetime.now(UTC) - timedelta(days=80):%Y-%m-%d}",
                "EndDate": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}",
            },
            headers={"Authorization": "token other"},
            timeout=10,
        )
        assert len(answer.json()["TransactionList"]) == 7
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
