"""A real Celery worker in a process of its own, for tests that need one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from config.celery import app

ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 60


def environment(**extra: str) -> dict[str, str]:
    """The environment in which a process works on this test's database and broker."""
    database = connection.settings_dict["NAME"]
    url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{database}")
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": url.geturl(),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "FERNET_KEYS": ",".join(settings.FERNET_KEYS),
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        **extra,
    }


@contextmanager
def running_worker(*, concurrency: int = 4, **extra: str) -> Iterator[int]:
    """A worker that takes messages of both queues; yields its process id."""
    with running(
        *("-A", "config", "worker", "--pool", "threads", "--queues", "manual,auto"),
        *("--concurrency", str(concurrency), "--loglevel", "WARNING"),
        **extra,
    ) as process:
        _wait_until_ready(process)
        yield process.pid


@contextmanager
def running(*arguments: str, **extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery process in a group of its own; nothing of it is left behind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", *arguments],
        cwd=ROOT,
        env=environment(**extra),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    with app.connection_for_write() as broker:
        inspector = app.control.inspect(timeout=0.5, connection=broker)
        while process.poll() is None and time.monotonic() < deadline:
            if inspector.ping():
                return
    raise RuntimeError("The worker did not start; its output says why.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, wanted)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            continue
        break
    process.wait()
