"""Settings of the benchmarks: the tests' own, with what production has for speed."""

import os
from pathlib import Path

os.environ.setdefault(
    "CONNECTOR_VAR_DIR", str(Path(__file__).resolve().parents[2] / "var" / "bench")
)
os.environ.setdefault("HTTP_TIMEOUT", "65")
os.environ.setdefault("LEASE_SECONDS", "240")
os.environ.setdefault("LOG_LEVEL", "ERROR")

from tests.settings import *  # noqa: F403

DATABASES["default"]["CONN_MAX_AGE"] = 60  # noqa: F405
