"""Redis, for messages and limits alike: its address, and how Celery stays with it."""

from __future__ import annotations

import logging
import ssl
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode

from celery import bootsteps
from celery.app.amqp import AMQP
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import Signal
from kombu import Connection

from config.environment import address
from connector.api.redis_causes import cause_of

logger = logging.getLogger(__name__)

# Seconds between two tries to reach a Redis that is away, and between two lines of it.
_RETRY = 2
_TOLD_AGAIN = 60

# A worker has a connection again, without which it was for `silent_for` seconds.
reconnected = Signal()


def redis_address(url: str, ca_file: str, *, is_insecure: bool) -> str:
    """The address with how its certificate is verified, as redis-py and kombu read it.

    Raises ImproperlyConfigured for what cannot be meant.
    """
    parts = address("REDIS_URL", url, ("redis", "rediss", "unix"))
    if parts.scheme != "unix" and not parts.hostname:
        raise ImproperlyConfigured(
            "REDIS_URL names no host. Write rediss://user:password@host:6379/0."
        )
    if any(name.startswith("ssl_") for name, _ in parse_qsl(parts.query)):
        raise ImproperlyConfigured(
            "REDIS_URL says how its certificate is verified: use REDIS_CA_FILE or "
            "REDIS_INSECURE_TLS for that."
        )
    if parts.scheme != "rediss":
        _refuse_without_tls(ca_file, is_insecure=is_insecure)
        return url
    options = {"ssl_cert_reqs": "required"}
    if is_insecure:
        if ca_file:
            raise ImproperlyConfigured(
                "Set REDIS_CA_FILE or REDIS_INSECURE_TLS, not both: one verifies the "
                "certificate, the other does not."
            )
        options = {"ssl_cert_reqs": "none", "ssl_check_hostname": "false"}
    elif ca_file:
        _require_certificates(ca_file)
        options["ssl_ca_certs"] = ca_file
    query = "&".join(filter(None, (parts.query, urlencode(options))))
    return parts._replace(query=query).geturl()


def _refuse_without_tls(ca_file: str, *, is_insecure: bool) -> None:
    for name, value in (
        ("REDIS_CA_FILE", ca_file),
        ("REDIS_INSECURE_TLS", is_insecure),
    ):
        if value:
            raise ImproperlyConfigured(
                f"{name} is set, but REDIS_URL is not encrypted: it must begin with "
                "rediss://."
            )


def _require_certificates(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        reason = "it holds no certificate"
        if not isinstance(error, ssl.SSLError):
            reason = error.strerror or type(error).__name__
        raise ImproperlyConfigured(
            f"REDIS_CA_FILE ({path}) cannot be read: {reason}."
        ) from None


def broker_url(redis_url: str) -> str:
    """The same address; Celery's name for a Redis behind a unix socket is its own."""
    return redis_url.replace("unix://", "redis+socket://", 1)


class BrokerConnection(Connection):
    """Tries again every two seconds as long as Redis is away, and says why it is.

    Celery's own would wait longer each time, up to half a minute.
    """

    def ensure_connection(self, *args: Any, **options: Any) -> BrokerConnection:
        url = self.as_uri()
        told_at = 0.0

        def tell(error: Exception, interval: float) -> None:
            nonlocal told_at
            if not told_at or time.monotonic() - told_at > _TOLD_AGAIN:
                told_at = time.monotonic()
                logger.error("No message comes or goes: %s", cause_of(error, url))

        options |= {
            "interval_start": _RETRY,
            "interval_step": 0,
            "interval_max": _RETRY,
        }
        # In place of the caller's: what that logs may show more than the cause.
        options.pop("errback", None)
        super().ensure_connection(tell, *args[1:], **options)
        return self


class Amqp(AMQP):
    Connection = BrokerConnection


class Waking(bootsteps.StartStopStep):
    """Tells when a worker that lost its connection has one again: the messages that it
    held are with nobody now."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.lost_at: float | None = None

    def start(self, parent: Any) -> None:
        if self.lost_at is None:
            return
        silent_for = time.monotonic() - self.lost_at
        told = reconnected.send_robust(type(self), silent_for=silent_for)
        if not any(isinstance(answer, Exception) for _, answer in told):
            self.lost_at = None

    def stop(self, parent: Any) -> None:
        if self.lost_at is None:
            self.lost_at = time.monotonic()
