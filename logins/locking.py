"""What django-axes asks of us: by which name a login is locked, and the page then.

A login is locked by name and address together: by the name alone anybody could keep
others out, and by the address alone a whole office. Locked, no password is hashed.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.crypto import salted_hmac

from audit.client import client_address

_KNOWN = "_logins_names"


def name_to_lock(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The account's name; of one that no account has a digest, because it may be a
    password in the wrong field. No account's name has a colon."""
    given = (credentials or {}).get("username") or request.POST.get("username") or ""
    known: dict[str, str] = request.__dict__.setdefault(_KNOWN, {})
    if given not in known:
        is_there = User.objects.filter(username=given).exists()
        digest = salted_hmac("logins.locking", given, algorithm="sha256").hexdigest()
        known[given] = given if is_there else f"unknown:{digest[:32]}"
    return known[given]


def address_to_lock(request: HttpRequest) -> str | None:
    """The client's address; of IPv6 the network, of which one client has all addresses.

    None where the server knows none.
    """
    address = client_address(request)
    if ":" not in address:
        return address or None
    return str(ip_network(f"{address}/64", strict=False).network_address)


def lockout_page(
    request: HttpRequest,
    original_response: HttpResponseBase | None,
    credentials: dict[str, Any] | None,
) -> HttpResponseBase:
    minutes = round(settings.AXES_COOLOFF_TIME.total_seconds() / 60)
    context = {
        **admin.site.each_context(request),
        "title": "Login locked",
        "minutes": minutes,
    }
    return render(request, "admin/logins/locked.html", context, status=429)
