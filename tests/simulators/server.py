"""Serving a simulator over HTTP on loopback: its connections, and how it is stopped.

What is answered is left to the simulator.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from werkzeug import Response
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from tests.simulators.simulator import Simulator


class ConnectionDroppedError(ConnectionAbortedError):
    """Raised by a simulator to close the connection without an answer."""


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
        simulator.closing.clear()
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
        self.simulator.closing.set()
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
