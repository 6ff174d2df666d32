"""Which answers to an upload are a yes: only what names something that was stored."""

from __future__ import annotations

import json

import pytest

from connector.api.cmic.answers import verdict_of

PROOF = {"imageId": "4711"}


def verdict(body):
    return verdict_of(json.dumps(body), body)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "Error", "errorMessage": "Job is closed"},
        [{"status": "Error", "errorMessage": "Job is closed"}],
        {"result": {"status": "Error", "errorMessage": "Job is closed"}},
        {"Status": "ERROR", "ErrorMessage": "Job is closed"},
        {"errors": [{"message": "Job is closed"}]},
        {"success": False, "message": "Job is closed"},
        {"SUCCESS": "false", "Message": "Job is closed"},
        {"data": [{"error_message": "Job is closed"}]},
        {"error": "Job is closed"},
        {"error": {"detail": "Job is closed", "code": 7}},
        {"status": "Failed", "title": "Job is closed"},
        {"outcome": "rejected", "detail": "Job is closed"},
    ],
)
def test_an_error_is_seen_at_any_depth_and_in_any_spelling(body):
    for shape in (body, [PROOF, body], {"items": [body], **PROOF}):
        said = verdict(shape)
        assert said.is_error
        assert not said.is_proven
        assert said.sentence == "Job is closed"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("<CMIC_ERR_MSG>Job is closed</CMIC_ERR_MSG>", "Job is closed"),
        ("java: ORA-20001: Job is closed\nat line 3", "ORA-20001: Job is closed"),
    ],
)
def test_an_error_of_oracle_is_seen_in_text(body, sentence):
    said = verdict_of(body, None)
    assert said.is_error
    assert said.sentence == sentence


@pytest.mark.parametrize(
    "body",
    [
        {"imageId": "4711"},
        {"imageid": 4711},
        {"apriVUuid": "0AC3"},
        [{"result": {"ApriVUuid": "0AC3", "status": "Success"}}],
        {"image_id": "4711", "errors": [], "error": None, "errorMessage": ""},
        {"imageId": "4711", "success": True, "errorCode": "0", "error": "null"},
    ],
)
def test_an_id_of_what_was_stored_proves_it(body):
    said = verdict(body)
    assert said.is_proven
    assert (said.image_id, said.invoice_uuid) != ("", "")


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", None),
        ("Service temporarily unavailable", None),
        ("<html>maintenance</html>", None),
        ("{}", {}),
        ("[]", []),
        ("true", True),
        ('{"status": "Success"}', {"status": "Success"}),
        ('{"imageId": ""}', {"imageId": ""}),
        ('{"imageId": null}', {"imageId": None}),
        ('{"imageId": true}', {"imageId": True}),
    ],
)
def test_anything_else_is_neither(text, data):
    said = verdict_of(text, data)
    assert not said.is_proven
    assert not said.is_error


def test_an_answer_without_end_is_looked_at_in_time():
    deep = inner = {}
    for _ in range(100_000):
        inner["x"] = inner = {}
    wide = {str(number): {"y": number} for number in range(100_000)}
    assert not verdict_of("", deep).is_proven
    assert not verdict_of("", [wide] * 10).is_proven
