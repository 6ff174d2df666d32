"""Faults switched on in the PEX simulator: errors, lost answers and stale lists.

What it answers without them is left to the other modules.
"""

import pytest
import requests

from tests.simulators.checks.pex_caller import ACCOUNTS, ALL, DAYS, PURCHASES, TAGS


@pytest.mark.parametrize(
    ("fault", "params", "path", "status", "text"),
    [
        ("token_expired", {}, TAGS, 401, "Token expired or does not exist"),
        ("token_expired", {"status": 403}, TAGS, 403, "Token expired or does not"),
        ("business_closed", {}, ALL, 403, "Business is not open"),
        ("server_error", {"status": 502}, TAGS, 502, "An error has occurred."),
        ("throttled", {"retry_after": 7}, TAGS, 429, "Usage Limits Exceeded"),
        ("purchases_forbidden", {}, PURCHASES, 403, "denied"),
        ("purchases_missing", {}, PURCHASES, 404, "No HTTP resource"),
        ("tags_off", {}, TAGS, 403, "does not support the Tags Feature"),
        ("maintenance", {}, "V4/Ping", 503, "<html>"),
        ("garbage_ok", {}, TAGS, 200, "<html>"),
    ],
)
def test_a_fault_strikes_as_often_as_told(pex, api, fault, params, path, status, text):
    pex.faults.set(fault, times=1, **params)
    answer = api.call("GET", path, status, params=DAYS)
    assert text in answer.text
    if "retry_after" in params:
        assert answer.headers["Retry-After"] == "7"
    api.call("GET", path, params=DAYS)
    assert pex.faults.used(fault) == 1


def test_a_fault_strikes_only_what_it_matches(pex, api):
    number = pex.add_purchase("1.00")
    pex.faults.set("server_error", match="AccountDetails")
    api.get(ACCOUNTS, 500)
    api.get("V4/Token/Current")
    pex.faults.set("purchases_forbidden")
    api.get(f"{PURCHASES}/{number}", 403)
    none = api.get(f"V4/Transactions/{number}/Attachments", 404)
    assert none["Message"] == "Attachments not found"
    pex.faults.set("tags_off")
    assert api.get("V4/Business/Settings")["TagsEnabled"] is False


@pytest.mark.parametrize(
    ("fault", "status", "stored"),
    [
        ("note_500_after_store", 500, 1),
        ("note_500_before_store", 500, 0),
        ("note_reset_after_store", None, 1),
        ("note_reset_before_store", None, 0),
        ("note_timeout_after_store", None, 1),
        ("note_forbidden", 403, 0),
    ],
)
def test_the_answer_to_a_note_may_be_lost(pex, api, fault, status, stored):
    number, other = pex.add_purchase("1.00"), pex.add_purchase("2.00")
    pex.faults.set(fault, times=1, match=str(number), seconds=0)
    api.note(other)
    if status is None:
        with pytest.raises(requests.ConnectionError):
            api.note(number)
    else:
        api.note(number, status=status)
    assert pex.markers(number) == stored
    api.note(number)
    assert pex.markers(number) == stored + 1


def test_a_connection_may_drop_at_once_or_after_a_while(pex, api):
    pex.faults.set("reset", times=1)
    with pytest.raises(requests.ConnectionError):
        api.get(TAGS)
    pex.faults.set("timeout", times=1, seconds=30)
    with pytest.raises(requests.ReadTimeout):
        api.call("GET", TAGS, timeout=0.2)
    api.get(TAGS)


def test_a_stale_list_hides_the_notes_added_since(pex, api):
    number = pex.add_purchase("1.00", note="old")
    pex.faults.set("stale_list")
    api.note(number)
    assert [n["NoteText"] for n in api.row(number)["TransactionNotes"]] == ["old"]
    assert len(api.get(PURCHASES)["Results"][0]["Notes"]) == 1
    assert len(api.get(f"{PURCHASES}/{number}")["Notes"]) == 2
    pex.faults.clear()
    assert len(api.row(number)["TransactionNotes"]) == 2


def test_a_download_may_fail(pex, api):
    number = pex.add_purchase("1.00", receipts=["png"])
    listed = api.get(f"V4/Transactions/{number}/Attachments")["Attachments"]
    path = f"V4/Transactions/{number}/Attachment/{listed[0]['AttachmentId']}"
    pex.faults.set("attachment_error", times=1)
    api.get(path, 500, AttachmentLinkType="Full")
    api.get(path, AttachmentLinkType="Full")
