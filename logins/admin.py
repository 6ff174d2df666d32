"""Locked logins with their unlocking, and the list of one's own sessions."""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action

from audit.models import Entry
from audit.recording import record
from connector.admin.moments import minute
from connector.admin.page import list_page, person, post_only, render_page, route
from logins.confirming import CONFIRMED_FOR, ConfirmForm, confirm, way_on
from logins.models import Lock, PersonSession
from logins.sessions import open_sessions, sign_out_everywhere
from sync.admin.lists.readonly import ReadOnlyAdmin


@admin.register(Lock)
class LockAdmin(ReadOnlyAdmin):
    list_display = ("login", "address", "wrong", "last", "until_when")
    list_display_links = None
    list_per_page = 50
    ordering = ("-attempt_time",)
    search_fields = ("username", "ip_address")
    fields = list_display
    readonly_fields = fields
    actions = ("unlock_selected",)

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("logins.unlock")

    @action(description="Unlock", permissions=["unlock"])
    def unlock_selected(self, request: HttpRequest, locks: QuerySet[Any]) -> None:
        """Of one name and address there is a row for each browser."""
        found = {(lock.username, lock.ip_address): lock for lock in locks}
        for (name, address), lock in found.items():
            sentence = f"Logging in {lock} was unlocked."
            with transaction.atomic():
                same = AccessAttempt.objects.filter(username=name, ip_address=address)
                same.delete()
                record(Entry.Kind.UNLOCK, sentence)
            messages.success(request, sentence)

    @admin.display(description="Login as", ordering="username")
    def login(self, lock: Lock) -> str:
        return lock.who

    @admin.display(description="Address", ordering="ip_address")
    def address(self, lock: Lock) -> str:
        return lock.ip_address or "–"

    @admin.display(description="Wrong passwords", ordering="failures_since_start")
    def wrong(self, lock: Lock) -> int:
        return int(lock.failures_since_start)

    @admin.display(description="Last wrong password", ordering="attempt_time")
    def last(self, lock: Lock) -> str:
        return minute(lock.attempt_time)

    @admin.display(description="Locked until")
    def until_when(self, lock: Lock) -> str:
        return minute(lock.until)


@admin.register(PersonSession)
class PersonSessionAdmin(ModelAdmin):
    """Everybody's own, with no page for a single one."""

    def get_urls(self) -> list[URLPattern]:
        return [
            route(self, "", sessions_page, "changelist"),
            route(self, "sign-out/", sign_out_page, "sign_out"),
            route(self, "confirm/", confirm_page, "confirm"),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PersonSession]:
        return open_sessions(person(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        """It is in the menu of the own name and in no other."""
        return False


@list_page("view")
def sessions_page(admin: PersonSessionAdmin, request: HttpRequest) -> HttpResponse:
    return render_page(
        admin,
        request,
        "admin/logins/sessions.html",
        "Your sessions",
        rows=[
            {
                "browser": row.browser or "–",
                "address": row.address or "–",
                "began": minute(row.began_at),
                "seen": minute(row.seen_at),
                "is_this": row.key == request.session.session_key,
            }
            for row in admin.get_queryset(request)
        ],
        sign_out_url=reverse("admin:logins_personsession_sign_out"),
        opts=None,
    )


@list_page("view")
@post_only
def sign_out_page(admin: PersonSessionAdmin, request: HttpRequest) -> HttpResponse:
    sign_out_everywhere(person(request))
    request.session.flush()
    messages.success(request, "You are signed out everywhere.")
    return HttpResponseRedirect(reverse("admin:login"))


@list_page("view")
def confirm_page(admin: PersonSessionAdmin, request: HttpRequest) -> HttpResponse:
    form = ConfirmForm(request)
    if form.is_valid():
        confirm(request)
        return HttpResponseRedirect(way_on(request))
    return render_page(
        admin,
        request,
        "admin/logins/confirm.html",
        "Enter your password again",
        form=form,
        minutes=round(CONFIRMED_FOR.total_seconds() / 60),
        opts=None,
    )
