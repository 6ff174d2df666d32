"""Addresses that alerts of a tenant go to: one a line, each a plain address.

What is mailed, and when, is `sync.engine.alert.writing`.
"""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

MOST = 20


def addresses_in(text: str) -> list[str]:
    """The addresses of a text that has one a line."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def validate_contacts(text: str) -> None:
    """Raises `ValidationError` that names each line which is no address."""
    found = addresses_in(text)
    if len(found) > MOST:
        raise ValidationError(f"Enter {MOST} addresses at most.")
    wrong = []
    for address in found:
        try:
            validate_email(address)
        except ValidationError:
            wrong.append(f"“{address}” is no mail address.")
    if wrong:
        raise ValidationError(wrong)
