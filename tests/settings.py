"""Settings of the tests: the product's own, against services of their own.

The embedded services of the tests live beside those of the checkout, so that a test
run disturbs nobody who is at work in it.
"""

import os
from pathlib import Path

os.environ.setdefault(
    "CONNECTOR_VAR_DIR", str(Path(__file__).resolve().parent.parent / "var" / "test")
)

from config.settings import *  # noqa: F403

CONNECTOR_ALLOW_LOOPBACK = True
PEX_CALLS_PER_MINUTE = env.int("PEX_CALLS_PER_MINUTE", default=0)  # noqa: F405
CMIC_CALLS_PER_SECOND = env.int("CMIC_CALLS_PER_SECOND", default=0)  # noqa: F405
CMIC_CALLS_IN_FLIGHT = env.int("CMIC_CALLS_IN_FLIGHT", default=0)  # noqa: F405
HTTP_TIMEOUT = env.float("HTTP_TIMEOUT", default=5.0)  # noqa: F405
LEASE_SECONDS = env.float("LEASE_SECONDS", default=30.0)  # noqa: F405
LOST_ANSWER_DELAYS = [0.0, 0.0]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES["default"]["CONN_MAX_AGE"] = 0  # noqa: F405
# Files are served from where they are; nobody collects them for a test.
WHITENOISE_AUTOREFRESH = True
