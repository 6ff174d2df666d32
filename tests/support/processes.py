"""Child processes of demo, benchmarks and tests, each in a group of its own, and how
to wait for what they serve. Nothing that is started here is left behind.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
_STOP_SECONDS = 20
_START_SECONDS = 60


@contextmanager
def running(
    module: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    quiet: bool = True,
    log: IO[bytes] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module as a process that Ctrl-C in this terminal does not reach.

    `log` takes all that it prints.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=env,
        stdout=log or (subprocess.DEVNULL if quiet else None),
        stderr=log,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, wanted)
            process.wait(_STOP_SECONDS)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
        else:
            break
    process.wait()


def wait_for(address: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310
            return
        except OSError as error:
            if time.monotonic() > deadline:
                sys.exit(f"{address} did not come up: {error}")
            time.sleep(0.1)


def get_json(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def post_json(address: str, data: Mapping[str, Any]) -> Any:
    request = urllib.request.Request(  # noqa: S310
        address,
        json.dumps(data).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def free_port(wanted: int) -> int:
    """The wanted port, or any free one if somebody has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("This machine has no free port.")


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
