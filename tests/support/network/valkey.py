"""A Valkey of a test's own, to be killed, started again and emptied; also over TLS."""

from __future__ import annotations

import os
import signal
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil
import redis

from config import embedded


class OwnValkey:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = embedded.addresses(folder).redis_url

    def start(self) -> None:
        """Also after a kill: at the same address, with what it had written down."""
        embedded.join(self.folder, database=False)

    def kill(self) -> None:
        pid = int((self.folder / "valkey" / "valkey.pid").read_text())
        process = psutil.Process(pid)
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([process], timeout=10)

    def forget(self) -> None:
        with redis.Redis.from_url(self.url) as connection:
            connection.flushall()


@contextmanager
def own_valkey(folder: Path) -> Iterator[OwnValkey]:
    server = OwnValkey(folder)
    server.start()
    try:
        yield server
    finally:
        server.start()
        embedded.leave(folder)


@contextmanager
def tls_in_front(valkey: OwnValkey, certificate: Path) -> Iterator[int]:
    """A port of this machine that takes TLS and passes it on to the server, which was
    built without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    behind = unquote(urlsplit(valkey.url).path)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as before,
                socket.socket(socket.AF_UNIX) as after,
            ):
                after.connect(behind)
                threading.Thread(target=_pass, args=(after, before)).start()
                _pass(before, after)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
