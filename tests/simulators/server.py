"""What both simulators share: serving over HTTP, the clock, the journal of calls,
faults, hold points and the door `/_sim/`. What an API answers is left to each of them.
"""

from __future__ import annotations

import json
import logging
import signal
import socket
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any

from werkzeug import Request, Response
from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import WSGIRequestHandler, make_server

DOOR = "/_sim/"
LONGEST_HOLD = 120.0

logger = logging.getLogger(__name__)


class ConnectionDroppedError(ConnectionAbortedError):
    """Raised by a simulator to close the connection without an answer."""


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


@dataclass
class Fault:
    name: str
    times: int | None = None
    match: str | None = None
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, str | None, Any]:
        return self.name, self.match, self.get("module")

    def get(self, key: str, default: Any = None) -> Any:
        return self.params.get(key, default)

    def concerns(self, keys: tuple[str, ...], about: Mapping[str, Any]) -> bool:
        if self.match is not None and not any(self.match in key for key in keys):
            return False
        return all(self.get(name, value) == value for name, value in about.items())


class Faults:
    """The faults switched on, out of a fixed set of names."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._active: list[Fault] = []
        self._used: Counter[str] = Counter()
        self._lock = threading.Lock()

    def set(
        self,
        name: str,
        times: int | None = None,
        match: str | None = None,
        **params: Any,
    ) -> None:
        """Switch a fault on: for ever or `times` times, for requests matching `match`.

        The same name and match (and `module`) again replaces what was set. Raises
        ValueError for a name that the simulator does not know.
        """
        if name not in self.names:
            known = ", ".join(sorted(self.names))
            raise ValueError(f"unknown fault {name!r}; known: {known}")
        if times is not None and times < 1:
            raise ValueError("times must be at least 1")
        new = Fault(name, times, match, params)
        with self._lock:
            others = [f for f in self._active if f.identity != new.identity]
            self._active = [*others, new]

    def clear(self, name: str | None = None) -> None:
        with self._lock:
            self._active = [
                fault for fault in self._active if name and fault.name != name
            ]

    def take(self, name: str, *keys: str, **about: Any) -> Fault | None:
        """Use up one turn of a fault that is on for one of the keys, or answer None.

        A parameter of the fault that is also named in `about` must agree with it.
        """
        with self._lock:
            for fault in self._active:
                if fault.name == name and fault.concerns(keys, about):
                    self._spend(fault)
                    return fault
        return None

    def used(self, name: str) -> int:
        return self._used[name]

    def active(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {"name": f.name, "times": f.times, "match": f.match, **f.params}
                for f in self._active
            ]

    def _spend(self, fault: Fault) -> None:
        self._used[fault.name] += 1
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self._active.remove(fault)


class HoldPoints:
    """Named places in the handling of a request where a test can make it wait."""

    def __init__(self, points: Iterable[str]) -> None:
        self.points = frozenset(points)
        self._armed: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._releases: Counter[str] = Counter()
        self._changed = threading.Condition()

    def hold(self, point: str, times: int = 1) -> None:
        self._check(point)
        with self._changed:
            self._armed[point] = times

    def release(self, point: str | None = None) -> None:
        """Let go whoever waits, and stop holding; every point when none is named."""
        if point is not None:
            self._check(point)
        with self._changed:
            for name in [point] if point else self.points:
                self._armed[name] = 0
                self._releases[name] += 1
            self._changed.notify_all()

    def wait_until_held(
        self, point: str, timeout: float = 30.0, count: int = 1
    ) -> None:
        """Return once so many requests wait at the point; else raises TimeoutError."""
        self._check(point)
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._waiting[point] >= count, timeout
            ):
                raise TimeoutError(f"no request reached {point!r} in {timeout} s")

    def reach(self, point: str) -> None:
        self._check(point)
        with self._changed:
            if self._armed[point] <= 0:
                return
            self._armed[point] -= 1
            self._waiting[point] += 1
            self._changed.notify_all()
            seen = self._releases[point]
            self._changed.wait_for(
                lambda: self._releases[point] != seen, timeout=LONGEST_HOLD
            )
            self._waiting[point] -= 1
            self._changed.notify_all()

    def held(self) -> dict[str, int]:
        with self._changed:
            return {point: self._waiting[point] for point in sorted(self.points)}

    def _check(self, point: str) -> None:
        if point not in self.points:
            known = ", ".join(sorted(self.points))
            raise ValueError(f"unknown hold point {point!r}; known: {known}")


class Window:
    """At most `limit` calls in any `seconds`, counted as they come."""

    def __init__(self, limit: int, seconds: float, ticks: Callable[[], float]) -> None:
        self.limit = limit
        self.seconds = seconds
        self._ticks = ticks
        self._taken: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Count one call and answer 0, or the seconds until there is room again."""
        with self._lock:
            now = self._ticks()
            while self._taken and self._taken[0] <= now - self.seconds:
                self._taken.popleft()
            if len(self._taken) >= self.limit:
                return self._taken[0] + self.seconds - now
            self._taken.append(now)
            return 0.0


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
        self._closing = threading.Event()
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
            self._closing.wait(seconds)

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


def answer_at_door(simulator: Simulator, request: Request) -> Response:
    name = request.path.removeprefix(DOOR).strip("/")
    action = DOORS.get((request.method, name))
    if request.method == "POST" and name in simulator.extra_doors:
        action = _extra
    if action is None:
        return json_response({"error": f"no door {request.method} /_sim/{name}"}, 404)
    try:
        return json_response(action(simulator, request))
    except (ValueError, KeyError, TypeError) as error:
        return json_response({"error": str(error)}, 400)


def _body(request: Request) -> dict[str, Any]:
    body = read_json(request) if request.get_data() else {}
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def _show_calls(simulator: Simulator, request: Request) -> Any:
    return {
        "calls": [
            {**asdict(call), "at": call.at.isoformat()} for call in simulator.calls
        ],
        "peak_in_flight": simulator.peak_in_flight,
    }


def _clear_calls(simulator: Simulator, request: Request) -> Any:
    simulator.clear_calls()
    return {"calls": []}


def _show_faults(simulator: Simulator, request: Request) -> Any:
    faults = simulator.faults
    names = sorted(faults.names)
    used = {name: faults.used(name) for name in names}
    return {"active": faults.active(), "used": used, "known": names}


def _set_fault(simulator: Simulator, request: Request) -> Any:
    simulator.faults.set(**_body(request))
    return _show_faults(simulator, request)


def _clear_fault(simulator: Simulator, request: Request) -> Any:
    name = request.args.get("name") or _body(request).get("name")
    simulator.faults.clear(name)
    return _show_faults(simulator, request)


def _show_clock(simulator: Simulator, request: Request) -> Any:
    return {"now": simulator.now().isoformat()}


def _set_clock(simulator: Simulator, request: Request) -> Any:
    body = _body(request)
    if "advance" in body:
        simulator.advance(float(body["advance"]))
    else:
        now = body["now"]
        simulator.set_clock(datetime.fromisoformat(now) if now else None)
    return _show_clock(simulator, request)


def _show_held(simulator: Simulator, request: Request) -> Any:
    return {"held": simulator.holds.held()}


def _hold(simulator: Simulator, request: Request) -> Any:
    body = _body(request)
    simulator.hold(body["point"], int(body.get("times", 1)))
    return _show_held(simulator, request)


def _release(simulator: Simulator, request: Request) -> Any:
    simulator.release(_body(request).get("point"))
    return _show_held(simulator, request)


def _show_state(simulator: Simulator, request: Request) -> Any:
    return simulator.state()


def _reset(simulator: Simulator, request: Request) -> Any:
    simulator.reset()
    return simulator.state()


def _show_settings(simulator: Simulator, request: Request) -> Any:
    return {name: getattr(simulator, name) for name in simulator.settings}


def _change_settings(simulator: Simulator, request: Request) -> Any:
    changes = _body(request)
    if unknown := set(changes) - set(simulator.settings):
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    for name, value in changes.items():
        setattr(simulator, name, value)
    return _show_settings(simulator, request)


def _extra(simulator: Simulator, request: Request) -> Any:
    name = request.path.removeprefix(DOOR).strip("/")
    return {"done": name, "result": simulator.extra_doors[name](**_body(request))}


DOORS: dict[tuple[str, str], Callable[[Simulator, Request], Any]] = {
    ("GET", "state"): _show_state,
    ("GET", "calls"): _show_calls,
    ("POST", "calls/clear"): _clear_calls,
    ("GET", "faults"): _show_faults,
    ("POST", "faults"): _set_fault,
    ("DELETE", "faults"): _clear_fault,
    ("GET", "clock"): _show_clock,
    ("POST", "clock"): _set_clock,
    ("GET", "settings"): _show_settings,
    ("POST", "settings"): _change_settings,
    ("POST", "hold"): _hold,
    ("POST", "release"): _release,
    ("GET", "held"): _show_held,
    ("POST", "reset"): _reset,
}


def _exact_number(value: Any) -> int | float:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is not JSON")
    if value == value.to_integral_value():
        return int(value)
    number = float(value)
    # The text of a float is its shortest decimal, so this holds for any money.
    if Decimal(repr(number)) != value:
        raise ValueError(f"{value} does not survive as a JSON number")
    return number


def to_json(data: Any) -> str:
    """JSON text, Decimals as the numbers they are."""
    return json.dumps(data, default=_exact_number)


def read_json(request: Request) -> Any:
    """The body of the request, numbers as Decimal; raises ValueError if not JSON."""
    return json.loads(request.get_data(), parse_float=Decimal)


def json_response(
    data: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        to_json(data), status, headers=dict(headers or {}), mimetype="application/json"
    )


class _Handler(WSGIRequestHandler):
    """Keeps connections open between requests, answers at once, and says nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.open_connections: dict[socket.socket, threading.Thread]
        self.open_connections = self.server.open_connections  # type: ignore[attr-defined]
        self.open_connections[self.connection] = threading.current_thread()

    def finish(self) -> None:
        try:
            with suppress(OSError):
                super().finish()
        finally:
            self.open_connections.pop(self.connection, None)

    def run_wsgi(self) -> None:
        """Answer one request and keep the connection.

        Werkzeug's own closes it after each answer, because an application may leave a
        body unread; a simulator reads them all.
        """
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            response = Response.from_app(self.server.app, self.make_environ())
            body = response.get_data()
        except ConnectionDroppedError:
            self.close_connection = True
            return
        self.send_response(response.status_code)
        response.headers["Content-Length"] = str(len(body))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        return


class RunningServer:
    """A simulator being served on loopback, ready as soon as it is constructed."""

    def __init__(self, simulator: Simulator, port: int = 0) -> None:
        self.simulator = simulator
        simulator._closing.clear()
        self._server = make_server(
            "127.0.0.1", port, simulator, threaded=True, request_handler=_Handler
        )
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._server.open_connections = self._connections  # type: ignore[attr-defined]
        self.port = int(self._server.server_port)
        self.url = f"http://127.0.0.1:{self.port}"
        self.base_url = self.url + simulator.base_path
        self._closed = False
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening, let go whoever is held, and close every connection."""
        if self._closed:
            return
        self._closed = True
        self.simulator._closing.set()
        self.simulator.release()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection, thread in list(self._connections.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
            thread.join(5)

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def serve_until_stopped(
    simulator: Simulator, port: int, announce: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or Ctrl-C, after announcing the URL."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with simulator.serve(port) as server:
        announce(server.base_url)
        stopped.wait()
