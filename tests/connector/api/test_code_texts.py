"""What only looks like a code, and how it is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.api.code_texts import alike, exact, oddity


@pytest.mark.parametrize(
    ("text", "plain", "said"),
    [
        ("017401", "017401", ""),
        ("Zoë & Søn – 3", "Zoë & Søn - 3", "an en dash after “Zoë & Søn ”"),
        ("017401\u00a0", "017401", "a no-break space at its end"),
        ("\u202f017401", "017401", "a narrow no-break space at its beginning"),
        ("0174\u200b01", "017401", "a zero width space after “0174”"),
        ("\ufeff017401", "017401", "a byte order mark at its beginning"),
        ("０17401", "017401", "a full-width digit zero at its beginning"),
        ("24‑0117", "24-0117", "a non-breaking hyphen after “24”"),
        ("24−0117", "24-0117", "a minus sign in place of a hyphen after “24”"),
        ("А-100", "А-100", "a Cyrillic letter “А” at its beginning"),
        ("Кафе", "Кафе", ""),
        ("10²", "10²", ""),
    ],
)
def test_a_look_alike_has_a_plain_form_and_a_name(text, plain, said):
    assert (alike(text), oddity(text)) == (plain, said)


@given(st.text())
def test_what_is_plain_is_plain_for_good(text):
    assert alike(alike(text)) == alike(text)


@given(st.text())
def test_a_code_is_kept_as_far_as_a_database_can_hold_it(text):
    kept = exact(text, 50)
    assert "\x00" not in kept
    assert exact(kept, 50) == kept
    kept.encode()


def test_spaces_that_nobody_sees_are_kept_in_a_code():
    assert exact(" A\u00a01\u200b ", 50) == "A\u00a01\u200b"
    assert exact("a\x00b\nc", 50) == "a b c"
