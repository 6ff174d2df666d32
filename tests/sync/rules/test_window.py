"""Which days a sync covers."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.rules.window import Window, business_day, resolve_window

NOV_22 = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


def window(now=NOV_22, *, start=None, end=None, auto=False):
    return resolve_window(start=start, end=end, now=now, is_automatic=auto)


def test_without_dates_it_covers_two_months_and_both_ends():
    assert window() == Window(date(2026, 9, 22), date(2026, 11, 22))
    assert window(auto=True) == window()


def test_an_automatic_run_never_goes_further_back_than_two_months():
    assert window(start=date(2026, 1, 1), auto=True).first == date(2026, 9, 22)
    assert window(start=date(2026, 10, 1), auto=True).first == date(2026, 10, 1)


def test_a_manual_run_goes_back_to_the_same_day_last_year():
    assert window(start=date(2026, 1, 1)).first == date(2026, 1, 1)
    assert window(start=date(2024, 5, 1)).first == date(2025, 11, 22)


def test_an_end_date_ends_it_and_a_future_one_ends_it_today():
    assert window(end=date(2026, 10, 31)).last == date(2026, 10, 31)
    assert window(end=date(2027, 1, 1)).last == date(2026, 11, 22)


def test_an_end_before_everything_it_may_cover_leaves_it_empty():
    assert window(end=date(2026, 6, 1), auto=True).is_empty
    assert not window(end=date(2026, 9, 22)).is_empty


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 11, 22, 4, 59, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 22, 5, 0, tzinfo=UTC), date(2026, 11, 22)),
        # Summer time: midnight in New York is 4 o'clock UTC.
        (datetime(2026, 7, 1, 3, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 7, 1, 4, 0, tzinfo=UTC), date(2026, 7, 1)),
        # The hour that autumn repeats belongs to one day.
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), date(2026, 11, 1)),
        # The night in which spring skips an hour.
        (datetime(2026, 3, 8, 4, 59, tzinfo=UTC), date(2026, 3, 7)),
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), date(2026, 3, 8)),
    ],
)
def test_days_are_new_york_days(moment, day):
    assert business_day(moment) == day
    assert window(moment).last == day


def test_two_months_before_a_day_that_february_lacks_is_its_last_day():
    april = datetime(2026, 4, 30, 12, tzinfo=UTC)
    assert window(april).first == date(2026, 2, 28)


def test_the_same_day_last_year_of_a_leap_day_is_the_28th():
    leap_day = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert window(leap_day, start=date(2020, 1, 1)).first == date(2027, 2, 28)


@given(
    now=st.datetimes(
        min_value=datetime(2024, 1, 1),  # noqa: DTZ001
        max_value=datetime(2032, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    start=st.none() | st.dates(date(2023, 1, 1), date(2032, 1, 1)),
    end=st.none() | st.dates(date(2023, 1, 1), date(2032, 1, 1)),
)
def test_an_automatic_window_never_covers_more_than_a_manual_one(now, start, end):
    automatic = window(now, start=start, end=end, auto=True)
    manual = window(now, start=start, end=end)
    assert automatic.first >= manual.first
    assert automatic.last == manual.last <= business_day(now)
    assert (business_day(now) - manual.first).days <= 366
