"""Calls of all workers are counted together, in a real Valkey."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
import redis
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connector.api.exceptions import RateLimitError
from connector.api.http import Unlimited
from connector.api.limits import Rate, RedisLimits, cmic_limits, pex_limits


def limits(scope=None, **options):
    return RedisLimits(
        settings.REDIS_URL,
        system="CMiC",
        scope=scope or f"test-{uuid.uuid4().hex}",
        **options,
    )


def call(limiter, name=""):
    with limiter.permit(name):
        return time.monotonic()


def test_a_call_over_the_limit_is_told_when_it_may_go():
    minute = limits(rates=[Rate(3, 60)])
    for _ in range(3):
        call(minute)
    with pytest.raises(RateLimitError, match="limit of calls") as raised:
        call(minute)
    assert 50 < raised.value.retry_after < 70
    assert not raised.value.may_have_succeeded


def test_two_workers_share_one_limit_and_two_scopes_do_not():
    scope = uuid.uuid4().hex
    first, second = (limits(scope, rates=[Rate(2, 60)]) for _ in range(2))
    call(first)
    call(second)
    with pytest.raises(RateLimitError):
        call(first)
    call(limits(rates=[Rate(2, 60)]))


def test_a_limit_of_one_kind_of_call_leaves_the_others_free():
    hourly = limits(rates=[Rate(100, 60), Rate(1, 3600, "AccountDetails")])
    call(hourly, "AccountDetails")
    with pytest.raises(RateLimitError):
        call(hourly, "AccountDetails")
    call(hourly, "note")


def test_a_short_wait_is_waited_out():
    second = limits(rates=[Rate(2, 0.5)])
    started = time.monotonic()
    for _ in range(3):
        call(second)
    assert 0.4 < time.monotonic() - started < 1.9


def test_no_second_ever_holds_more_calls_than_allowed():
    second = limits(rates=[Rate(15, 1)])
    moments, lock = [], threading.Lock()

    def work():
        for _ in range(6):
            moment = call(second)
            with lock:
                moments.append(moment)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    moments.sort()
    assert len(moments) == 30
    spans = [late - early for early, late in zip(moments, moments[15:], strict=False)]
    assert min(spans) > 0.95


def test_only_so_many_calls_are_in_flight_and_places_come_back():
    few = limits(in_flight=2)
    with few.permit(""), few.permit("") as _, pytest.raises(RateLimitError):
        call(few)
    call(few)


def test_a_429_slows_everybody_down():
    scope = uuid.uuid4().hex
    limits(scope, rates=[Rate(100, 60)]).slow_down(30)
    with pytest.raises(RateLimitError) as raised:
        call(limits(scope, rates=[Rate(100, 60)]))
    assert 28 < raised.value.retry_after <= 30


def test_without_redis_nothing_goes_through():
    dead = RedisLimits(
        "redis://127.0.0.1:1/0", system="PEX", scope="x", rates=[Rate(1, 1)]
    )
    with pytest.raises(RateLimitError, match="does not answer"):
        call(dead)


def test_a_limit_of_zero_is_off():
    url = settings.REDIS_URL
    assert isinstance(pex_limits(url, "token", per_minute=0), Unlimited)
    off = cmic_limits(url, "https://x", per_second=0, in_flight=0)
    assert isinstance(off, Unlimited)


@pytest.mark.parametrize(
    "other",
    [
        "https://Atlas-API.cmiccloud.com:443/cmicprod",
        "https://user@ATLAS-api.cmiccloud.com/other",
    ],
)
def test_a_host_has_one_limit_however_its_address_is_written(other):
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    address = "https://atlas-api.cmiccloud.com/cmicprod"
    one, two = (
        cmic_limits(settings.REDIS_URL, url, per_second=0, in_flight=1)
        for url in (address, other)
    )
    with one.permit(""), pytest.raises(RateLimitError):
        call(two)


def test_another_port_of_a_host_has_its_own_limit():
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    one, two = (
        cmic_limits(settings.REDIS_URL, url, per_second=0, in_flight=1)
        for url in ("https://cmic.example:8443/a", "https://cmic.example/a")
    )
    with one.permit(""):
        call(two)


def test_no_token_is_readable_in_redis():
    call(pex_limits(settings.REDIS_URL, "very-secret-token", per_minute=10))
    keys = redis.Redis.from_url(settings.REDIS_URL).keys("*")
    assert not any(b"very-secret-token" in key for key in keys)


@given(calls=st.integers(1, 8), extra=st.integers(0, 8))
@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck)
)
def test_exactly_as_many_calls_go_as_the_limit_says(calls, extra):
    minute = limits(rates=[Rate(calls, 60)])
    gone = 0
    for _ in range(calls + extra):
        try:
            call(minute)
        except RateLimitError:
            continue
        gone += 1
    assert gone == calls


def test_waiting_for_a_place_keeps_none():
    scope = uuid.uuid4().hex
    mine, theirs = (limits(scope, in_flight=1) for _ in range(2))
    mine.wait_for_place()
    with theirs.permit(""), pytest.raises(RateLimitError):
        mine.wait_for_place()
    mine.wait_for_place()


def test_waiting_for_a_place_takes_nothing_off_the_rate():
    minute = limits(rates=[Rate(2, 60)], in_flight=1)
    for _ in range(5):
        minute.wait_for_place()
    call(minute)
    call(minute)


def test_a_clock_that_was_set_back_stops_no_call():
    scope = uuid.uuid4().hex
    second = limits(scope, rates=[Rate(1, 1)], in_flight=1)
    future = (time.time() + 3600) * 1000
    broker = redis.Redis.from_url(settings.REDIS_URL)
    broker.zadd(f"limits:{scope}:rate--1", {"before": future})
    broker.zadd(f"limits:{scope}:in-flight", {"before": future})
    call(second)


def test_a_pause_does_not_end_earlier_because_of_a_shorter_one():
    slow = limits(rates=[Rate(100, 60)], pause=0.1)
    slow.slow_down(60.0)
    slow.slow_down(None)
    with pytest.raises(RateLimitError) as raised:
        call(slow)
    assert raised.value.retry_after > 50
