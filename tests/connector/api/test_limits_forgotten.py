"""A Valkey that dies, comes back or forgets what it counted, while calls are made.

Dead, it lets nothing through. Forgotten windows are the one thing that the limiter
cannot make good: of what went before, it knows nothing, so that for the length of one
window twice the limit may go, and never more.
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager

import pytest

from connector.api.exceptions import RateLimitError
from connector.api.limits import Rate, RedisLimits
from tests.support.network.valkey import own_valkey

LIMIT = 10
WINDOW = 1.0  # seconds


@pytest.fixture
def valkey(tmp_path):
    with own_valkey(tmp_path) as server:
        yield server


class Callers:
    """Threads that call as fast as they are let, and the moments at which they did."""

    def __init__(self, url):
        self.limits = RedisLimits(
            url,
            system="CMiC",
            scope=uuid.uuid4().hex,
            rates=[Rate(LIMIT, WINDOW)],
            in_flight=4,
        )
        self.moments = []
        self.refusals = []
        self.stopped = threading.Event()

    def work(self):
        while not self.stopped.is_set():
            try:
                with self.limits.permit(""):
                    self.moments.append(time.monotonic())
            except RateLimitError as error:
                self.refusals.append(error.message)
                self.stopped.wait(0.05)

    def wait_for_calls(self, count):
        """Until so many more calls were made."""
        wanted = len(self.moments) + count
        deadline = time.monotonic() + 30
        while len(self.moments) < wanted:
            assert time.monotonic() < deadline, self.refusals[-3:]
            time.sleep(0.01)

    def most_in_a_window(self):
        """A little less than the window: a thread may be late to tell its moment."""
        moments = sorted(self.moments)
        return max(
            sum(first <= each < first + 0.8 * WINDOW for each in moments)
            for first in moments
        )


@contextmanager
def calling(url):
    callers = Callers(url)
    threads = [threading.Thread(target=callers.work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield callers
    finally:
        callers.stopped.set()
        for thread in threads:
            thread.join()


def test_a_dead_valkey_lets_nothing_through_and_a_new_one_goes_on(valkey):
    with calling(valkey.url) as callers:
        callers.wait_for_calls(LIMIT // 2)
        valkey.kill()
        dead_from = time.monotonic()
        # Whoever was let through just before may have written it down just after.
        time.sleep(2 * WINDOW)
        dead_until = time.monotonic()
        valkey.start()
        callers.wait_for_calls(3 * LIMIT)
    late = [each for each in callers.moments if dead_from + 0.5 < each < dead_until]
    assert late == []
    assert any("does not answer" in message for message in callers.refusals)
    assert callers.most_in_a_window() <= LIMIT


def test_a_valkey_that_was_killed_and_comes_back_still_knows_what_it_counted(valkey):
    with calling(valkey.url) as callers:
        for _ in range(3):
            callers.wait_for_calls(LIMIT)
            valkey.kill()
            valkey.start()
        callers.wait_for_calls(LIMIT)
    assert callers.most_in_a_window() <= LIMIT


def test_a_valkey_that_forgets_lets_twice_the_limit_through_and_not_more(valkey):
    with calling(valkey.url) as callers:
        callers.wait_for_calls(LIMIT)
        valkey.forget()
        callers.wait_for_calls(3 * LIMIT)
    assert callers.most_in_a_window() <= 2 * LIMIT


def test_a_valkey_that_forgets_does_not_let_more_calls_be_under_way_for_long(valkey):
    """Those begun before are forgotten too, until they end."""
    limits = RedisLimits(valkey.url, system="CMiC", scope="few", in_flight=2)
    with limits.permit(""), limits.permit(""):
        valkey.forget()
        with limits.permit(""), limits.permit(""), pytest.raises(RateLimitError):
            take(limits)
    with limits.permit(""), limits.permit(""), pytest.raises(RateLimitError):
        take(limits)


def take(limits):
    with limits.permit(""):
        pass
