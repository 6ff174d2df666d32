"""Only administrators read the audit list. The roles themselves are
`connector.roles`."""

from __future__ import annotations

from typing import Any

from django.apps import apps as installed

from connector.roles import Grants, Role, grant

GRANTS: Grants = {Role.ADMINISTRATOR: ["audit.view_entry"]}


def after_migrate(**signal: Any) -> None:
    grant(GRANTS, signal["using"], signal.get("apps", installed))
