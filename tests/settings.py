"""Settings of the tests: the product's own, against services of their own.

The embedded services of the tests live beside those of the checkout, so that a test
run disturbs nobody who is at work in it. Each of several test processes has its own,
because tests empty the broker and end the database's sessions.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

_PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "")
_VAR = Path(__file__).resolve().parent.parent / "var" / f"test{_PROCESS}"
# The process that starts the others has set its own, and they inherit it.
_GIVEN = "" if _PROCESS else os.environ.get("CONNECTOR_VAR_DIR", "")
os.environ["CONNECTOR_VAR_DIR"] = _GIVEN or str(_VAR)

from config.settings import *  # noqa: E402, F403

if _PROCESS and os.environ.get("REDIS_URL"):
    # A server that was given is shared: a numbered database of it for each process,
    # as pytest-django makes for PostgreSQL.
    _NUMBER = int(_PROCESS.removeprefix("gw")) + 1
    REDIS_URL = urlsplit(REDIS_URL)._replace(path=f"/{_NUMBER}").geturl()  # noqa: F405
    CELERY_BROKER_URL = broker_url(REDIS_URL)  # noqa: F405

CONNECTOR_ALLOW_LOOPBACK = True
PEX_CALLS_PER_MINUTE = env.whole("PEX_CALLS_PER_MINUTE", default=0)  # noqa: F405
CMIC_CALLS_PER_SECOND = env.whole("CMIC_CALLS_PER_SECOND", default=0)  # noqa: F405
CMIC_CALLS_IN_FLIGHT = env.whole("CMIC_CALLS_IN_FLIGHT", default=0)  # noqa: F405
HTTP_TIMEOUT = env.number("HTTP_TIMEOUT", default=5.0)  # noqa: F405
LEASE_SECONDS = env.number("LEASE_SECONDS", default=30.0)  # noqa: F405
LOST_ANSWER_DELAYS = [0.0, 0.0]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES["default"]["CONN_MAX_AGE"] = 0  # noqa: F405
# Files are served from where they are; nobody collects them for a test.
WHITENOISE_AUTOREFRESH = True

if _SECONDS := env.number("CLOCK_AHEAD", default=0.0):  # noqa: F405
    # A process on a machine whose clock is wrong by so much.
    from datetime import UTC, datetime, timedelta

    import time_machine

    time_machine.travel(datetime.now(UTC) + timedelta(seconds=_SECONDS)).start()
