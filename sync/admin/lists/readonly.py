"""Rows that the engine writes and people only read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from connector.admin.visible import VisibleAdmin

_LONGEST_ID = 18  # digits that certainly fit PostgreSQL's bigint


def is_id(text: str | int) -> bool:
    """Whether it can be a row's number; addresses are typed by hand, too."""
    digits = str(text)
    return digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_ID


class ReadOnlyAdmin(VisibleAdmin):
    """No adding, changing or deleting in the admin, whatever the permissions."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
