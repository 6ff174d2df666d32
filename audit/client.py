"""Where a request comes from, of which the client itself can make up nothing."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest

# Some proxies write the port, too: 192.0.2.1:4711, [2001:db8::1]:4711.
_WITH_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+):\d+|\[([^\]]+)\](?::\d+)?")


def client_address(request: HttpRequest) -> str:
    """The address of whoever sent the request; empty where the server knows none.

    That is the other end of the connection. Behind `PROXY_COUNT` proxies it is what the
    outermost of them has added to X-Forwarded-For: what stands left of that was written
    by the client. A request that passed fewer proxies counts by its connection.
    """
    direct: str = request.META.get("REMOTE_ADDR", "")
    count: int = settings.PROXY_COUNT
    if not count:
        return _clean(direct)
    hops = [hop for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop]
    through = _clean(hops[-count]) if len(hops) >= count else ""
    return through or _clean(direct)


def _clean(text: str) -> str:
    """The address in its one spelling, without a port; empty unless it is one."""
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    carried = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(carried or found)
