"""Which addresses a tenant's settings may send us to (no Django).

An address decides where credentials go. It is read by the parser that the transport
uses, has to mean the same to any other, and what is called is put together from what
was read: `parse`. Whether it may be called is said by a `Reach`, twice: of the address,
and of each IP address that its host's name leads to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from connector.api.wire.networks import Network, network_of

_LOOPBACK = ("127.0.0.1", "localhost")
_HTTPS_PORT = 443
# Those of RFC 3986. Parsers differ in what they make of any other.
_PLAIN = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
# Of a last label: such a host is a number to the resolver, whatever it looks like.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class AddressError(ValueError):
    """The address is refused; the message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address in its parts, the scheme and the host in small letters.

    `port` is None where none is written.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def place(self) -> str:
        """Host, and port where one is written."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.place}{self.path}"


@dataclass(frozen=True)
class Reach:
    """Where this installation may call.

    `hosts` are patterns of names; `private_hosts` are names whose servers may be in a
    private network; `allow_loopback` is for a sandbox on this machine.
    """

    hosts: tuple[str, ...]
    private_hosts: tuple[str, ...] = ()
    allow_loopback: bool = False

    def check(self, url: str) -> Address:
        """The address to call. Raises `AddressError` for one that must not be."""
        address = parse(url)
        if problem := self._problem(address):
            raise AddressError(problem)
        return address

    def may_lead_to(self, host: str, ip: str) -> bool:
        """Whether `ip` may be called, to which the name of `host` has led."""
        network = network_of(ip)
        if host.casefold() in _LOOPBACK:
            return self.allow_loopback and network is Network.LOOPBACK
        if network is Network.PRIVATE:
            return self._is_private_host(host)
        return network is Network.PUBLIC

    def _problem(self, address: Address) -> str:
        host = address.host
        if host in _LOOPBACK and self.allow_loopback:
            return ""
        if address.scheme != "https":
            return "The address must begin with https://."
        if host in _LOOPBACK or not is_host_name(host):
            return (
                "The address must name a host by letters, digits, hyphens and dots, "
                "and not a number or this machine."
            )
        if address.port not in (None, _HTTPS_PORT):
            return f"The address must use port {_HTTPS_PORT}."
        if not (self._is_private_host(host) or self._is_listed(host)):
            return (
                f"The host {host} is not allowed. Allowed are: "
                f"{', '.join(self.hosts)} (CONNECTOR_ALLOWED_HOSTS)."
            )
        return ""

    def _is_listed(self, host: str) -> bool:
        return any(fnmatchcase(host, pattern.casefold()) for pattern in self.hosts)

    def _is_private_host(self, host: str) -> bool:
        return host.casefold() in (each.casefold() for each in self.private_hosts)


def parse(url: str) -> Address:
    """The address in parts, wherever it leads.

    Raises `AddressError` unless it is a scheme of the web, a host and a path, written
    so that every parser finds these same parts.
    """
    if not _PLAIN.fullmatch(url):
        raise AddressError(
            "The address may contain only ASCII characters, and no spaces or "
            "backslashes. "
            "A host's name with other letters is entered in the form that begins with "
            "xn--."
        )
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise AddressError(f"“{url}” is not an address.") from error
    if parts.scheme not in ("http", "https"):
        raise AddressError("The address must begin with https://.")
    if parts.auth is not None:
        raise AddressError("The address must not contain a user name or a password.")
    if parts.query is not None or parts.fragment is not None:
        raise AddressError("The address must end before any “?” or “#”.")
    address = _address(parts)
    # As it is written: nothing decoded, left out, filled in or cut away.
    start, rest = f"{address.scheme}://{address.place}", url.casefold()
    is_as_written = rest.startswith(start) and rest[len(start) :][:1] in ("", "/")
    is_host = bool(_NAME.fullmatch(address.host))
    if not (is_as_written and is_host) or address.port == 0:
        raise AddressError(
            f"“{url}” is not an address: after https:// come the name of a host, in "
            "letters, digits, hyphens and dots, and a path."
        )
    return address


def origin(url: str) -> tuple[str, str]:
    """Scheme, and host with port, for telling whether two addresses are one place.

    What is no address is a place of its own, by its whole text.
    """
    try:
        address = parse(url)
    except AddressError:
        return "", url
    return address.scheme, address.place


def is_host_name(text: str) -> bool:
    """Whether it is a host's name in small letters, and no number of any kind."""
    last = text.rpartition(".")[2]
    return bool(_NAME.fullmatch(text)) and not _NUMBER.fullmatch(last)


def _address(parts: Url) -> Address:
    return Address(parts.scheme or "", parts.host or "", parts.port, parts.path or "")
