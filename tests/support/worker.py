"""A real Celery worker in a process of its own, for tests that need one."""

from __future__ import annotations

import os
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from urllib.parse import urlsplit

from celery.exceptions import DuplicateNodenameWarning
from django.conf import settings
from django.db import connection

from config.celery import app
from tests.support.processes import running

_START_SECONDS = 60


def environment(**extra: str) -> dict[str, str]:
    """The environment in which a process works on this test's database and broker."""
    database = connection.settings_dict["NAME"]
    url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{database}")
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        # The addresses are this process's own already.
        "PYTEST_XDIST_WORKER": "",
        "DATABASE_URL": url.geturl(),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "FERNET_KEYS": ",".join(settings.FERNET_KEYS),
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        **extra,
    }


@contextmanager
def running_worker(
    *, concurrency: int = 4, log: IO[bytes] | None = None, **extra: str
) -> Iterator[int]:
    """A worker that takes messages of both queues; yields its process id.

    `log` takes all that it has to say, and then it says everything.
    """
    with starting_worker(concurrency=concurrency, log=log, **extra) as process:
        _wait_until_ready(process)
        yield process.pid


@contextmanager
def starting_worker(
    *, concurrency: int = 4, log: IO[bytes] | None = None, **extra: str
) -> Iterator[subprocess.Popen[bytes]]:
    """As above, but not waited for: its broker may be another than this process's."""
    with running(
        *("celery", "-A", "config", "worker", "--pool", "threads"),
        *("--queues", "manual,auto", "--concurrency", str(concurrency)),
        # As the Procfile has it; asking around for others takes more than a second.
        *("--without-gossip", "--without-mingle"),
        *("--loglevel", "DEBUG" if log else "WARNING"),
        env=environment(**extra),
        log=log,
    ) as process:
        yield process


def _wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    with app.connection_for_write() as broker:
        # There is but one to answer: without the limit others are waited for.
        inspector = app.control.inspect(timeout=0.5, connection=broker, limit=1)
        while process.poll() is None and time.monotonic() < deadline:
            with warnings.catch_warnings():
                # A slow worker answers twice: this question and the one before it.
                warnings.simplefilter("ignore", DuplicateNodenameWarning)
                if inspector.ping():
                    return
    raise RuntimeError("The worker did not start; its output says why.")
