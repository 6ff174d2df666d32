"""Which code a purchase's tag stands for, also when its option has changed since."""

from __future__ import annotations

import pytest

from connector.api.pex.types import TagOption
from sync.rules.coding import TagReader

READER = TagReader(
    [
        TagOption("City Garage", "017401", True),
        TagOption("017402", "24.018", True),
        TagOption("Clinic", "By hand", False),
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
    ],
)
def test_by_value_then_by_name_then_by_the_names_of_before(value, code):
    assert READER.code_of(value) == code
