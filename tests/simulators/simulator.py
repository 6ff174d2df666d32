"""What both simulators share: the clock, the journal of calls, how a request passes.

What an API answers is left to each of them, listening on a socket to `server`.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from werkzeug import Request, Response
from werkzeug.exceptions import ClientDisconnected

from tests.simulators.door import DOOR, answer_at_door
from tests.simulators.faults import Faults
from tests.simulators.holds import HoldPoints
from tests.simulators.server import ConnectionDroppedError, RunningServer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """One request as it was answered; `status` is 0 when the connection was dropped.

    `at` is the simulator's clock, `started` a monotonic one, for measuring rates.
    """

    method: str
    path: str
    query: Mapping[str, str]
    status: int
    at: datetime
    body_size: int
    started: float


class Simulator:
    """A WSGI application that plays one API.

    A subclass says which `fault_names` and `hold_points` it has and answers requests in
    `handle`; it may refuse calls in `throttle` (asked only with `limits` on), show its
    books in `state` and empty them in `reset`. `settings` names the attributes that
    may be changed at the door, `extra_doors` further acts: each takes the members of
    the body posted.
    """

    fault_names: tuple[str, ...] = ()
    hold_points: tuple[str, ...] = ()
    settings: tuple[str, ...] = ("limits", "latency")
    base_path = ""

    def __init__(self, *, limits: bool = False, latency: float = 0.0) -> None:
        self.limits = limits
        self.latency = latency
        self.faults = Faults(self.fault_names)
        self.holds = HoldPoints(self.hold_points)
        self.hold = self.holds.hold
        self.release = self.holds.release
        self.wait_until_held = self.holds.wait_until_held
        self.extra_doors: dict[str, Callable[..., Any]] = {}
        self.peak_in_flight = 0
        self._in_flight = 0
        self._calls: list[Call] = []
        self._fixed_now: datetime | None = None
        self._advanced = 0.0
        self.closing = threading.Event()
        self._lock = threading.Lock()

    def handle(self, request: Request) -> Response:
        raise NotImplementedError

    def throttle(self, request: Request) -> Response | None:
        """The refusal, when this call is one too many."""
        return None

    def state(self) -> dict[str, Any]:
        return {}

    def reset(self) -> None:
        """Back to how it began: no faults, holds or calls, and the real time."""
        self.faults.clear()
        self.release()
        self.clear_calls()
        self.set_clock(None)

    def now(self) -> datetime:
        with self._lock:
            if self._fixed_now is not None:
                return self._fixed_now
            return datetime.now(UTC) + timedelta(seconds=self._advanced)

    def set_clock(self, moment: datetime | None) -> None:
        """Stop the clock at a moment, or let it run with the real time again."""
        if moment is not None and moment.tzinfo is None:
            raise ValueError("the clock needs a moment with an offset")
        with self._lock:
            self._fixed_now = moment.astimezone(UTC) if moment else None
            if moment is None:
                self._advanced = 0.0

    def advance(self, step: timedelta | float) -> None:
        """Move the clock on, rate limits included, whether it runs or stands."""
        seconds = step.total_seconds() if isinstance(step, timedelta) else step
        with self._lock:
            self._advanced += seconds
            if self._fixed_now is not None:
                self._fixed_now += timedelta(seconds=seconds)

    def ticks(self) -> float:
        """Monotonic seconds, for rate limits: they run even when the clock stands."""
        return time.monotonic() + self._advanced

    @property
    def calls(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    @property
    def in_flight(self) -> int:
        return self._in_flight

    def clear_calls(self) -> None:
        with self._lock:
            self._calls.clear()
            self.peak_in_flight = self._in_flight

    def serve(self, port: int = 0) -> RunningServer:
        return RunningServer(self, port)

    def pause(self, seconds: float) -> None:
        """Sleep without a lock; cut short when the server closes."""
        if seconds > 0:
            self.closing.wait(float(seconds))

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = Request(environ)
        try:
            # An unread body would be taken for the next request on the connection.
            request.get_data(cache=True)
        except ClientDisconnected as error:
            raise ConnectionDroppedError from error
        if request.path.startswith(DOOR):
            response = answer_at_door(self, request)
        else:
            response = self._answer(request)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        started = time.monotonic()
        status = 0
        try:
            with self._counted():
                response = self._handled(request)
            status = response.status_code
            return response
        finally:
            self._record(request, status, started)

    def _handled(self, request: Request) -> Response:
        self.pause(self.latency)
        try:
            refusal = self.throttle(request) if self.limits else None
            return refusal or self.handle(request)
        except ConnectionDroppedError:
            raise
        except Exception:
            logger.exception("simulator failed on %s %s", request.method, request.path)
            return Response(traceback.format_exc(), status=500, mimetype="text/plain")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def _record(self, request: Request, status: int, started: float) -> None:
        call = Call(
            method=request.method,
            path=request.path,
            query=request.args.to_dict(),
            status=status,
            at=self.now(),
            body_size=len(request.get_data()),
            started=started,
        )
        with self._lock:
            self._calls.append(call)
