"""What the settings must be for the product to work, each rule with a number.

Django asks before every command that has it run system checks, and `refuse_errors`
before web, worker and beat connect to anything. What nothing can be loaded without
raises in `config.settings` itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register, run_checks
from django.core.management.base import SystemCheckError

from connector.api.wire.addresses import is_host_name

TAG = "configuration"
LIMITS = ("PEX_CALLS_PER_MINUTE", "CMIC_CALLS_PER_SECOND", "CMIC_CALLS_IN_FLIGHT")
SHORTEST_KEY = 16
DURATIONS = ("HTTP_TIMEOUT", "EMAIL_TIMEOUT", "JUDGEMENT_GOOD_FOR")


def register_all() -> None:
    register(check_settings, TAG)
    register(check_settings_of_web, TAG, deploy=True)


def refuse_errors(*, is_web: bool = False) -> None:
    """Raise SystemCheckError with every setting that this process cannot work with."""
    found = run_checks(tags=[TAG], include_deployment_checks=is_web)
    if errors := [message for message in found if message.is_serious()]:
        raise SystemCheckError("\n".join(map(str, errors)))


def check_settings(**options: Any) -> list[CheckMessage]:
    return [
        *_lease(),
        *_retention(),
        *_limits(),
        *_lanes(),
        *_delays(),
        *_durations(),
        *_codes(),
        *_private_hosts(),
        *_encryption_keys(),
        *_proxies(),
        *_logins(),
    ]


def check_settings_of_web(**options: Any) -> list[CheckMessage]:
    """Commands, worker and beat need no hosts; `check --deploy` asks for them too."""
    if settings.ALLOWED_HOSTS or settings.DEBUG:
        return []
    return [
        Error(
            "ALLOWED_HOSTS is empty: every request would be answered with 400.",
            hint="Set it to the names under which people open the admin.",
            id="connector.E008",
        )
    ]


def _lease() -> Iterator[Error]:
    lease, timeout = settings.LEASE_SECONDS, settings.HTTP_TIMEOUT
    if not lease > 2 * timeout:
        yield Error(
            f"LEASE_SECONDS ({lease:g}) must be more than twice HTTP_TIMEOUT "
            f"({timeout:g}): a worker that still waits for CMiC's answer must not "
            "lose its purchase to another.",
            id="connector.E001",
        )


def _retention() -> Iterator[Error]:
    for name in ("RETENTION_DAYS", "AUDIT_RETENTION_DAYS"):
        if getattr(settings, name) < 1:
            yield Error(
                f"{name} ({getattr(settings, name)}) must be a day at least.",
                id="connector.E002",
            )


def _limits() -> Iterator[Error]:
    for name in LIMITS:
        if getattr(settings, name) < 0:
            yield Error(
                f"{name} ({getattr(settings, name)}) must not be negative.",
                hint="0 switches the limit off.",
                id="connector.E003",
            )


def _lanes() -> Iterator[Error]:
    if settings.SYNC_LANES < 1:
        yield Error(
            f"SYNC_LANES ({settings.SYNC_LANES}) must be 1 at least: without a lane "
            "no purchase is ever sent.",
            id="connector.E004",
        )


def _delays() -> Iterator[Error]:
    delays = settings.LOST_ANSWER_DELAYS
    is_ascending = all(early <= late for early, late in pairwise([0.0, *delays]))
    if not (delays and is_ascending):
        yield Error(
            f"LOST_ANSWER_DELAYS ({', '.join(f'{delay:g}' for delay in delays)}) must "
            "be seconds, one number at least, none less than the one before it.",
            id="connector.E005",
        )


def _durations() -> Iterator[Error]:
    for name in DURATIONS:
        if not getattr(settings, name) > 0:
            yield Error(
                f"{name} ({getattr(settings, name):g}) must be more than 0 seconds.",
                id="connector.E006",
            )


def _codes() -> Iterator[Error]:
    if settings.CODES_GOOD_FOR < 1:
        yield Error(
            f"CODES_GOOD_FOR ({settings.CODES_GOOD_FOR:g}) must be a day at least: "
            "codes are read once a day.",
            id="connector.E009",
        )


def _private_hosts() -> Iterator[Error]:
    for host in settings.CONNECTOR_PRIVATE_HOSTS:
        if not is_host_name(host.strip().casefold()):
            yield Error(
                f"“{host}” in CONNECTOR_PRIVATE_HOSTS must be the whole name of one "
                "host.",
                hint="Write the host name alone, such as cmic.example.com.",
                id="connector.E010",
            )


def _encryption_keys() -> Iterator[Error]:
    """The keys themselves are not shown, only which of them it is."""
    for number, key in enumerate(settings.FERNET_KEYS, 1):
        if not key.strip() or not _is_text(key):
            yield Error(
                f"Key {number} of FERNET_KEYS is blank or no readable text.",
                id="connector.E007",
            )

    newest = settings.FERNET_KEYS[0] if settings.FERNET_KEYS else ""
    if newest.strip() and len(newest) < SHORTEST_KEY:
        yield Error(
            "The first key of FERNET_KEYS, with which secrets are encrypted, is easy "
            f"to guess: it has fewer than {SHORTEST_KEY} characters.",
            hint="Put a long random text in front, and keep this one behind it.",
            id="connector.E011",
        )


def _proxies() -> Iterator[Error]:
    if settings.PROXY_COUNT < 0:
        yield Error(
            f"PROXY_COUNT ({settings.PROXY_COUNT}) must not be negative.",
            hint="0 where people reach the web without a proxy.",
            id="connector.E012",
        )


def _logins() -> Iterator[Error]:
    for name in ("SESSION_IDLE_MINUTES", "LOGIN_TRIES", "LOGIN_LOCK_MINUTES"):
        if getattr(settings, name) < 1:
            yield Error(
                f"{name} ({getattr(settings, name)}) must be 1 at least: nobody could "
                "stay or get logged in.",
                id="connector.E013",
            )


def _is_text(key: str) -> bool:
    """Whether it can be encoded: bytes that are no UTF-8 come in as surrogates."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True
