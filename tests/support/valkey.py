"""A Valkey of a test's own, to be killed, started again and emptied."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
