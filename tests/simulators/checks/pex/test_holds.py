"""PEX requests made to wait at a hold point, and many at once.

Connections cut as a fault are left to `test_pex_faults`.
"""

import threading

import pytest
import requests

from tests.simulators.checks.pex_caller import ALL, DAYS, PURCHASES


@pytest.mark.parametrize(
    ("point", "markers"), [("note_arrived", 0), ("note_stored", 1)]
)
def test_a_note_can_be_held_before_and_after_it_is_stored(pex, api, point, markers):
    number = pex.add_purchase("1.00")
    pex.hold(point)
    thread = threading.Thread(target=api.note, args=(number,))
    thread.start()
    pex.wait_until_held(point, 10)
    assert pex.markers(number) == markers
    pex.release(point)
    thread.join(10)
    assert pex.markers(number) == 1


@pytest.mark.parametrize("path", [ALL, PURCHASES])
def test_a_listing_can_be_held(pex, api, path):
    pex.hold("listing")
    thread = threading.Thread(target=api.get, args=(path,), kwargs=DAYS)
    thread.start()
    pex.wait_until_held("listing", 10)
    pex.release()
    thread.join(10)
    assert pex.calls[-1].status == 200


def test_notes_written_at_once_are_all_kept(pex, api):
    numbers = [pex.add_purchase("1.00") for _ in range(8)]
    headers = {"Authorization": "token sandbox-token"}

    def write(number):
        body = {"TransactionId": number, "NoteText": "Synced with CMiC"}
        for _ in range(5):
            requests.post(f"{api.url}/V4/Note", json=body, headers=headers, timeout=10)

    threads = [threading.Thread(target=write, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [pex.markers(number) for number in numbers] == [5] * 8
