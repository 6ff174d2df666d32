"""The password once more, before what makes others more or lets secrets go.

A login of this morning says little about who sits there now. Whoever logged in or
entered the password within `CONFIRMED_FOR` goes on; others are asked first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.widgets import UnfoldAdminPasswordWidget

from connector import clock
from logins.models import PersonSession

CONFIRMED_FOR = timedelta(minutes=10)
_PAGES = {
    "connector_tenant_credentials",
    "connector_tenant_disconnect",
    "connector_tenant_delete",
    "auth_user_add",
    "auth_user_change",
    "auth_user_password_change",
    "auth_group_add",
    "auth_group_change",
    "auth_group_delete",
}
# What does as much to the rows that are ticked in a list.
_ACTIONS = {
    ("connector_tenant_changelist", "delete_selected"),
    ("auth_group_changelist", "delete_selected"),
    ("logins_lock_changelist", "unlock_selected"),
}


class ConfirmFirst:
    """The middleware that asks."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.answer(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, options: Any
    ) -> HttpResponseBase | None:
        if not _asks_first(request) or is_confirmed(request):
            return None
        if request.method == "POST":
            messages.warning(
                request,
                "Nothing was changed yet: enter your password first, then do it again.",
            )
        path = request.path if request.method == "POST" else request.get_full_path()
        page = reverse("admin:logins_personsession_confirm")
        return HttpResponseRedirect(f"{page}?{urlencode({'next': path})}")


class ConfirmForm(forms.Form):
    """Asks for the password of whoever sent the request."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=UnfoldAdminPasswordWidget(
            attrs={"autocomplete": "current-password", "autofocus": True}
        ),
    )

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.POST if request.method == "POST" else None)
        self.request = request

    def clean_password(self) -> str:
        """Wrong ones count as those of the login page do."""
        password: str = self.cleaned_data["password"]
        person: Any = self.request.user
        name = person.get_username()
        if authenticate(self.request, username=name, password=password) != person:
            raise forms.ValidationError("This is not your password. Try again.")
        return password


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the password was entered lately in this session."""
    since = clock.now() - CONFIRMED_FOR
    mine = PersonSession.objects.filter(key=request.session.session_key)
    return mine.filter(confirmed_at__gt=since).exists()


def confirm(request: HttpRequest) -> None:
    """Note that the password was entered now."""
    mine = PersonSession.objects.filter(key=request.session.session_key)
    mine.update(confirmed_at=clock.now())


def way_on(request: HttpRequest) -> str:
    """Where the person wanted to go, or the first page for an address elsewhere."""
    address = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(address, {request.get_host()}):
        return address
    return reverse("admin:index")


def _asks_first(request: HttpRequest) -> bool:
    if not isinstance(request.user, User) or request.resolver_match is None:
        return False
    name = request.resolver_match.url_name or ""
    return name in _PAGES or (name, request.POST.get("action", "")) in _ACTIONS
