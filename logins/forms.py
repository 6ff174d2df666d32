"""The form of the login page."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from audit.models import Entry
from audit.recording import record


class LoginForm(AuthenticationForm):
    """Keeps it on the audit list, too, when the right password does not log in."""

    def confirm_login_allowed(self, user: Any) -> None:
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            sentence = (
                f"A login as {user.get_username()} failed: it is not of the staff."
            )
            record(Entry.Kind.FAILED_LOGIN, sentence, person=user, request=self.request)
            raise
