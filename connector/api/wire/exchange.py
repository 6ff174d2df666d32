"""One request and its answer on the wire: whether any of it left, and until when each
half of it may take.

Owns what happens at the socket during a call. urllib3 gives a request's body the time
meant for connecting, gives every read of an answer its whole time anew, and tells a
handshake that failed like a connection that broke afterwards; so the connections of
`connector.api.wire.transport` ask here instead. What a fault means is said by
`connector.api.http`.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

# Bytes a second that a line must carry; a slower one breaks a file of 10 MB after
# 110 seconds, well before the purchase's lease ends.
_SLOWEST = 100_000
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Timeouts:
    """Seconds for connecting, and for the whole answer once the request has left."""

    connect: float = 10.0
    answer: float = 65.0

    def request(self, size: int) -> float:
        """Seconds for sending a request of `size` bytes."""
        return self.connect + size / _SLOWEST


class Exchange:
    """How far one request got.

    `has_begun` is False only as long as it is certain that no byte of the request left.
    `late` says which half took too long: "request", "answer", or neither.
    """

    def __init__(self, timeouts: Timeouts, size: int) -> None:
        self.has_begun = False
        self.late = ""
        self._seconds = {
            "request": timeouts.request(size),
            "answer": timeouts.answer,
        }
        self._ends: dict[str, float] = {}

    def seconds(self, half: str) -> float:
        """The most that a half of it may take."""
        return self._seconds[half]

    def left(self, half: str) -> float:
        """Seconds left of a half, whose clock starts when first asked for.

        Raises `TimeoutError` if none are.
        """
        now = time.monotonic()
        left = self._ends.setdefault(half, now + self._seconds[half]) - now
        if left <= 0:
            raise self.note_late(half)
        return left

    def note_late(self, half: str) -> TimeoutError:
        self.late = half
        return TimeoutError(f"The {half} took too long.")


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchanging(timeouts: Timeouts, size: int = 0) -> Iterator[Exchange]:
    """What this thread sends and reads now is one exchange; `size` is of its body."""
    exchange = Exchange(timeouts, size)
    token = _current.set(exchange)
    try:
        yield exchange
    finally:
        _current.reset(token)


def send_all(connected: socket.socket, data: bytes) -> None:
    """Send piece by piece, within what the exchange has left for its request.

    Raises `TimeoutError`, and what the socket raises.
    """
    exchange = _current.get()
    if exchange is None:
        connected.sendall(data)
        return
    exchange.has_begun = True
    view = memoryview(data)
    for start in range(0, len(view), _PIECE):
        connected.settimeout(exchange.left("request"))
        try:
            connected.sendall(view[start : start + _PIECE])
        except TimeoutError as error:
            raise exchange.note_late("request") from error


class BoundedResponse(HTTPResponse):
    """An answer that is read, headers included, within its exchange's time."""

    def __init__(self, connected: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(_Readable(connected), *args, **options)  # type: ignore[arg-type]


class _Readable:
    """A socket as http.client asks for it: something to make a file of."""

    def __init__(self, connected: socket.socket) -> None:
        self._connected = connected

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReads(self._connected))


class _BoundedReads(io.RawIOBase):
    def __init__(self, connected: socket.socket) -> None:
        self._connected = connected
        self._file = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        exchange = _current.get()
        if exchange is not None:
            self._connected.settimeout(exchange.left("answer"))
        try:
            return self._file.readinto(buffer)
        except TimeoutError as error:
            if exchange is None:
                raise
            raise exchange.note_late("answer") from error

    def close(self) -> None:
        self._file.close()
        super().close()
