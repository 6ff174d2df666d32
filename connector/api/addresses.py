"""Which addresses a tenant's settings may send us to (no Django).

An address decides where credentials go, so everything but https to a known host is
refused; loopback only where the environment allows it, for the sandbox.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, urlsplit

_LOOPBACK = ("127.0.0.1", "localhost")


class AddressError(ValueError):
    """The address is refused; the message says why."""


def check_address(url: str, hosts: Sequence[str], *, allow_loopback: bool) -> None:
    """Raises `AddressError` unless `url` is https to a host that `hosts` lists."""
    parts = _split(url)
    problem = _shape_problem(parts)
    problem = problem or _host_problem(parts, hosts, allow_loopback=allow_loopback)
    if problem:
        raise AddressError(problem)


def origin(url: str) -> tuple[str, str]:
    """Scheme, and host with port, for telling whether two addresses are one place."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.scheme.casefold(), parts.netloc.casefold()


def is_public(host: str, address: str) -> bool:
    """Whether the IP `address` that `host` led to may be called.

    Loopback only where the host says so itself, which `check_address` judges.
    """
    ip = ipaddress.ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return host.casefold() in _LOOPBACK if ip.is_loopback else ip.is_global


def _split(url: str) -> SplitResult:
    """Raises `AddressError` where there is no host to call."""
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise AddressError(f"“{url}” is not an address.")
    return parts


def _shape_problem(parts: SplitResult) -> str:
    if parts.username is not None or parts.password is not None:
        return "The address must not contain a user name or a password."
    if parts.query or parts.fragment:
        return "The address must end before any “?” or “#”."
    return ""


def _host_problem(
    parts: SplitResult, hosts: Sequence[str], *, allow_loopback: bool
) -> str:
    host = (parts.hostname or "").casefold()
    if host in _LOOPBACK and allow_loopback and parts.scheme in ("http", "https"):
        return ""
    if parts.scheme != "https":
        return "The address must begin with https://."
    if host in _LOOPBACK or _is_ip(host):
        return "The address must name a host, not a number or this machine."
    if not any(fnmatchcase(host, pattern.casefold()) for pattern in hosts):
        return (
            f"The host {host} is not allowed. Allowed are: {', '.join(hosts)} "
            "(CONNECTOR_ALLOWED_HOSTS)."
        )
    return ""


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
