"""How long a login holds: 12 hours at most, and `SESSION_IDLE_MINUTES` without a click.

Django's own limit is put off by every request that writes into the session, so each
login has a row that says when it began.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from audit.client import client_address
from audit.models import Entry
from audit.recording import record
from connector import clock
from logins.models import PersonSession, PersonSessionQuerySet, age_limit

_WRITTEN_EVERY = timedelta(minutes=1)
# Pages ask there by themselves, whether somebody sits before them or not.
_ASKED_BY_PAGES = "/progress/"


def limit_sessions(
    answer: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Logs out whose login is too old, or who did nothing for too long."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if isinstance(request.user, User):
            _check(request, request.user)
        return answer(request)

    return middleware


def begin(request: HttpRequest, person: User) -> None:
    """Note that the session of the request is the person's from now on."""
    if not request.session.session_key:
        request.session.create()
    now = clock.now()
    PersonSession.objects.update_or_create(
        key=request.session.session_key,
        defaults={
            "person": person,
            "began_at": now,
            "seen_at": now,
            "confirmed_at": now,
            "address": client_address(request),
            "browser": request.headers.get("User-Agent", "").replace("\0", "")[:255],
        },
    )


def sign_out_everywhere(person: User) -> int:
    """End all sessions of the person, and say how many these were."""
    with transaction.atomic():
        mine = PersonSession.objects.filter(person=person)
        keys = list(mine.select_for_update().values_list("key", flat=True))
        ended, _ = Session.objects.filter(session_key__in=keys).delete()
        mine.filter(key__in=keys).delete()
        name, sessions = person.get_username(), f"{ended} session{'s'[: ended != 1]}"
        sentence = f"{name} signed out everywhere: {sessions} ended."
        record(Entry.Kind.LOGOUT, sentence, person=person)
    return ended


def prune(now: datetime) -> int:
    """Remove sessions that have ended; how many these were."""
    Session.objects.filter(expire_date__lt=now).delete()
    ended = PersonSession.objects.filter(began_at__lte=now - age_limit())
    return ended.delete()[0]


def open_sessions(person: User) -> PersonSessionQuerySet:
    """The person's own, the newest first."""
    mine = PersonSession.objects.filter(person=person)
    return mine.alive(clock.now()).order_by("-began_at")


def _check(request: HttpRequest, person: User) -> None:
    key = request.session.session_key
    row = PersonSession.objects.filter(key=key, person=person).first()
    if row is None:
        # From before this table, or with a new key after a change of the password.
        begin(request, person)
        return
    now = clock.now()
    if sentence := row.why_ended(now):
        row.delete()
        told = f"The session of {person.get_username()} has ended. {sentence}"
        told = told.removesuffix(" Please log in again.")
        record(Entry.Kind.LOGOUT, told, person=person, request=request)
        request.session.flush()
        user: Any = AnonymousUser()
        request.user = user
        messages.info(request, sentence)
    elif now - row.seen_at > _WRITTEN_EVERY and not _is_asked_by_page(request):
        PersonSession.objects.filter(key=key).update(seen_at=now)


def _is_asked_by_page(request: HttpRequest) -> bool:
    return request.path.endswith(_ASKED_BY_PAGES)
