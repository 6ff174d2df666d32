"""How many calls a minute, a second and at once, over all workers, through Redis.

A call first takes a place in every limit that knows it; one script in Redis decides,
so that a thousand workers see one count. Without Redis nothing goes through: an
unlimited minute would cost the customer more than a late sync. (No Django.)
"""

from __future__ import annotations

import functools
import hashlib
import logging
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import redis

from connector.api.exceptions import LimiterAwayError, RateLimitError
from connector.api.http import Limits, Unlimited
from connector.api.redis_causes import cause_of

logger = logging.getLogger(__name__)

LONGEST_WAIT = 2.0  # seconds that a worker may sleep before it gives its place back

# A server counts when calls arrive, we when they leave: a little slack covers that,
# whatever the length of the window.
_SLACK, _MOST_SLACK = 0.05, 1.0  # of the window; seconds
_IN_FLIGHT_LEASE = 120  # seconds after which a call's place is taken for abandoned
_POLL = 0.05
_AWAY = (redis.RedisError, OSError)
_ASK_AGAIN = 5.0  # seconds after which a limiter that was away is asked again

# KEYS: pause, in-flight, one sorted set a window.
# ARGV: permit id, in-flight limit (0: none), lease, then limit and span of each window.
# Answers the milliseconds to wait; or 0, and the place is taken (without a permit id:
# there is one); or -1, too many at once. What lies in the future was counted before the
# clock was set back, and is forgotten.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local paused = redis.call('PTTL', KEYS[1])
if paused > 0 then return paused end
local wait = 0
for i = 3, #KEYS do
  local limit, span = tonumber(ARGV[2 * i - 2]), tonumber(ARGV[2 * i - 1])
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - span)
  redis.call('ZREMRANGEBYSCORE', KEYS[i], now + 1000, '+inf')
  if redis.call('ZCARD', KEYS[i]) >= limit then
    local oldest = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')
    wait = math.max(wait, oldest[2] + span - now + 1)
  end
end
if wait > 0 then return wait end
local at_once = tonumber(ARGV[2])
if at_once > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  redis.call('ZREMRANGEBYSCORE', KEYS[2], now + ARGV[3] + 1000, '+inf')
  if redis.call('ZCARD', KEYS[2]) >= at_once then return -1 end
  if ARGV[1] == '' then return 0 end
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), ARGV[1])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
for i = 3, #KEYS do
  redis.call('ZADD', KEYS[i], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[i], ARGV[2 * i - 1])
end
return 0
"""

# A pause never ends earlier because another answer asked for a shorter one.
_PAUSE = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
end
"""


@dataclass(frozen=True)
class Rate:
    """At most `calls` in any `seconds`; `name` narrows it to one kind of call."""

    calls: int
    seconds: float
    name: str = ""


class RedisLimits:
    """The limits of one account or host, shared by everybody who uses its `scope`."""

    def __init__(
        self,
        redis_url: str,
        *,
        system: str,
        scope: str,
        rates: Sequence[Rate] = (),
        in_flight: int = 0,
        pause: float = 5.0,
    ) -> None:
        self._redis_url = redis_url
        self._system = system
        self._scope = scope
        self._rates = rates
        self._in_flight = in_flight
        self._pause = pause

    @contextmanager
    def permit(self, name: str) -> Iterator[None]:
        """Hold a place for one call; sleeps two seconds at most.

        Raises `RateLimitError` with `retry_after` if it would take longer.
        """
        place = uuid.uuid4().hex
        rates = [rate for rate in self._rates if rate.name in ("", name)]
        self._take(place, rates)
        try:
            yield
        finally:
            self._give_back(place)

    def wait_for_place(self) -> None:
        """Return when a call could be made now, without keeping a place for it.

        Kept, the places of a host would be held by whoever is slow elsewhere. Raises
        as `permit` does.
        """
        self._take("", [])

    def slow_down(self, seconds: float | None) -> None:
        """The other side said 429: nobody calls for a while, everybody a bit apart."""
        pause = seconds or self._pause * (1 + random.random())  # noqa: S311
        try:
            _connection(self._redis_url).eval(
                _PAUSE, 1, self._key("pause"), max(1, int(pause * 1000))
            )
        except _AWAY:
            return

    def _take(self, place: str, rates: Sequence[Rate]) -> None:
        deadline = time.monotonic() + LONGEST_WAIT
        keys = [self._key("pause"), self._key("in-flight")]
        args: list[str | int] = [place, self._in_flight, _IN_FLIGHT_LEASE * 1000]
        for rate in rates:
            keys.append(self._key(f"rate-{rate.name}-{rate.seconds:g}"))
            slack = min(rate.seconds * _SLACK, _MOST_SLACK)
            args += [rate.calls, int((rate.seconds + slack) * 1000)]
        while wait := self._ask(keys, args):
            seconds = wait / 1000 if wait > 0 else _POLL * (1 + random.random())  # noqa: S311
            if time.monotonic() + seconds > deadline:
                raise RateLimitError(
                    f"{self._system}'s limit of calls is reached; the next one may go "
                    f"in {seconds:.0f} seconds.",
                    system=self._system,
                    retry_after=max(seconds, 1.0),
                )
            time.sleep(seconds)

    def _ask(self, keys: Sequence[str], args: Sequence[str | int]) -> int:
        try:
            return int(_script(self._redis_url)(keys=list(keys), args=list(args)))
        except _AWAY as error:
            cause = cause_of(error, self._redis_url)
            logger.warning("The limiter does not answer: %s", cause)
            raise LimiterAwayError(
                f"The limiter (Redis) does not answer, so no call is made. {cause}",
                system=self._system,
                retry_after=_ASK_AGAIN,
            ) from error

    def _give_back(self, place: str) -> None:
        if not self._in_flight:
            return
        try:
            _connection(self._redis_url).zrem(self._key("in-flight"), place)
        except _AWAY:
            return  # it is taken for abandoned after its lease

    def _key(self, part: str) -> str:
        return f"limits:{self._scope}:{part}"


def pex_limits(redis_url: str, token: str, *, per_minute: int) -> Limits:
    """PEX counts per token (api/pex.md P3); 0 switches the hourly limits off too."""
    if per_minute <= 0:
        return Unlimited()
    digest = hashlib.sha256(token.encode()).hexdigest()[:16]
    hourly = [
        Rate(10, 3600, name) for name in ("AllCardholderTransactions", "AccountDetails")
    ]
    return RedisLimits(
        redis_url,
        system="PEX",
        scope=f"pex-{digest}",
        rates=[Rate(per_minute, 60), *hourly],
        pause=5.0,
    )


def cmic_limits(
    redis_url: str, base_url: str, *, per_second: int, in_flight: int
) -> Limits:
    """CMiC counts per address that calls, so all tenants of a host share (D10)."""
    if per_second <= 0 and in_flight <= 0:
        return Unlimited()
    return RedisLimits(
        redis_url,
        system="CMiC",
        scope=f"cmic-{_host_of(base_url)}",
        rates=[Rate(per_second, 1)] if per_second > 0 else [],
        in_flight=max(0, in_flight),
        pause=1.0,
    )


def _host_of(url: str) -> str:
    """The same text for the same host, however its address is written."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    port = parts.port if parts.port not in (None, usual) else None
    return f"{parts.hostname}:{port}" if port else f"{parts.hostname}"


@functools.cache
def _script(url: str) -> Callable[..., Any]:
    return _connection(url).register_script(_TAKE)


@functools.cache
def _connection(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
