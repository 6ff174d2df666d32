"""Begins and ends the row of a session with its login, and puts lock-outs on the audit
list."""

from __future__ import annotations

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver

from audit.models import Entry
from audit.recording import record
from logins.models import PersonSession
from logins.sessions import begin


@receiver(user_logged_in)
def begin_session(request: Any, user: Any, **signal: Any) -> None:
    begin(request, user)


@receiver(user_logged_out)
def end_session(request: Any, **signal: Any) -> None:
    PersonSession.objects.filter(key=request.session.session_key).delete()


@receiver(user_locked_out)
def note_lock_out(request: Any, username: str, **signal: Any) -> None:
    """Once for each lock: what is tried while it holds could fill the list."""
    if request.axes_failures_since_start is None:
        return
    account = User.objects.filter(username=username).first()
    who = f"as {username}" if account else "under a name that no account has"
    sentence = (
        f"Logging in {who} was locked after {request.axes_failures_since_start} wrong "
        "passwords."
    )
    record(Entry.Kind.LOCK_OUT, sentence, person=account, request=request)
