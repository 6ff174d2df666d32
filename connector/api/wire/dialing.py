"""A connection to a host's name: looked up once, judged, and made to that very address.

Nothing is connected to before it is judged, and a name service that answers otherwise
the second time is not asked a second time.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Sequence
from typing import Any

from connector.api.wire.addresses import Reach

logger = logging.getLogger(__name__)

# What `setsockopt` takes.
_Option = tuple[int, int, int | bytes]


class UnreachableError(OSError):
    """The name leads, or may lead, to where nobody of this installation may call."""


def dial(
    host: str,
    port: int,
    *,
    reach: Reach,
    seconds: float | None,
    options: Iterable[_Option] = (),
) -> socket.socket:
    """A socket connected to the first that answers of those that `host` leads to.

    Each has `seconds` to take the connection. Raises `UnreachableError` where one of
    them must not be called, then no other is either; and what the resolver and the
    socket raise.
    """
    found = _look_up(host, port)
    for *_, place in found:
        if not reach.may_lead_to(host, place[0]):
            # For the operator: the person who entered the name is told less.
            logger.warning(
                "%s is not called: its name leads to %s, which is no public address. "
                "CONNECTOR_PRIVATE_HOSTS allows hosts in private networks.",
                host,
                place[0],
            )
            raise UnreachableError(f"{host} leads to {place[0]}, which is not called.")
    failure = OSError(f"{host} leads nowhere.")
    for family, kind, protocol, place in found:
        try:
            return _connect(
                socket.socket(family, kind, protocol), place, seconds, options
            )
        except OSError as error:
            failure = error
    raise failure


def _look_up(host: str, port: int) -> Sequence[tuple[Any, Any, int, Any]]:
    """Family, kind, protocol and place of each address that the name has now."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [
        (family, kind, protocol, place) for family, kind, protocol, _, place in found
    ]


def _connect(
    made: socket.socket,
    place: Any,
    seconds: float | None,
    options: Iterable[_Option],
) -> socket.socket:
    try:
        for option in options:
            made.setsockopt(*option)
        made.settimeout(seconds)
        made.connect(place)
    except BaseException:
        made.close()
        raise
    return made
