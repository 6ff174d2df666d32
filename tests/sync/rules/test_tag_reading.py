"""Which code a purchase's tag stands for, also when its option has changed since."""

from __future__ import annotations

import pytest

from connector.api.pex.types import TagOption
from sync.rules.tag_reading import TagReader

READER = TagReader(
    [
        TagOption("City Garage", "017401", True),
        TagOption("017402", "24.018", True),
        TagOption("Clinic", "By hand", False),
        TagOption("Odd", "24‑0117", True),
        TagOption("", "A\u00a01", True),
        TagOption("", "A\u202f1", True),
    ],
    adopted={"by hand": "016210"},
    former={"main street garage": "017401", "clinic": "017402"},
)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("017401", "017401"),
        ("city garage", "017401"),
        ("Main Street Garage", "017401"),
        ("Jobs: main street garage", "017401"),
        ("By hand", "016210"),
        ("Clinic", "016210"),
        ("Jobs:By hand", "016210"),
        ("017402", "24.018"),
        ("nothing of it", "nothing of it"),
        ("City\u00a0Garage", "017401"),
        ("０１７４０１\u200b", "017401"),
        ("Jobs:\u00a0017401", "017401"),
        ("24–0117", "24‑0117"),
        ("A 1", "A 1"),
        ("A\u00a01", "A\u00a01"),
    ],
)
def test_by_value_then_by_name_then_by_the_names_of_before(value, code):
    assert READER.code_of(value) == code
