"""Rows that the engine writes and people only read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


class ReadOnly:
    """No adding, changing or deleting in the admin, whatever the permissions."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
