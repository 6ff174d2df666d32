"""What kind of network an IP address belongs to.

An IPv6 address that carries an IPv4 one leads there: it counts by what it carries.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

_Ip = IPv4Address | IPv6Address


class Network(Enum):
    """Who is there. `OTHER` is where no server of anybody's may be asked for: links,
    groups, examples, reserved, and what is no address."""

    PUBLIC = auto()
    PRIVATE = auto()
    LOOPBACK = auto()
    OTHER = auto()


_PRIVATE = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("100.64.0.0/10"),
    IPv6Network("fc00::/7"),
)
# Python calls these global.
_SPECIAL = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("3fff::/20"),
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
# The IPv4 address is in the last 32 bits: IPv4-compatible, -mapped, -translated, and
# NAT64 by its well-known prefix.
_ENDING_IN_IPV4 = (
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0/96"),
    IPv6Network("::ffff:0:0:0/96"),
    IPv6Network("64:ff9b::/96"),
)
# Of the 64 bits of an ISATAP interface, but for one bit.
_ISATAP = 0x00005EFE


def network_of(ip: str) -> Network:
    """The kind of network that `ip` is in; `OTHER` for a text that is no address."""
    try:
        address = ip_address(ip)
    except ValueError:
        return Network.OTHER
    kinds = {_kind(each) for each in _counting(address)}
    return kinds.pop() if len(kinds) == 1 else Network.OTHER


def _counting(address: _Ip) -> Iterator[_Ip]:
    """The addresses that count instead of this one, or beside it."""
    # Loopback and unspecified only look like IPv4 addresses with zeroes in front.
    if isinstance(address, IPv4Address) or int(address) <= 1:
        yield address
        return
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in _ENDING_IN_IPV4):
        yield last
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
    else:
        yield address
    if (int(address) >> 32) & 0xFDFFFFFF == _ISATAP:
        yield last


def _kind(address: _Ip) -> Network:
    if address.is_loopback:
        return Network.LOOPBACK
    if any(address in network for network in _PRIVATE):
        return Network.PRIVATE
    is_public = address.is_global and not address.is_multicast
    is_public = is_public and not any(address in network for network in _SPECIAL)
    if isinstance(address, IPv6Address):
        is_public = is_public and address in _GLOBAL_IPV6
    return Network.PUBLIC if is_public else Network.OTHER
