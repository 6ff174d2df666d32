"""What the roles may do in the Sync tab. The roles themselves are `connector.roles`."""

from __future__ import annotations

from typing import Any

from django.apps import apps as installed

from connector.roles import Grants, Role, grant

_LOOKING = [
    "sync.view_syncrun",
    "sync.view_purchasesync",
    "sync.view_syncattempt",
    "sync.view_alert",
    "sync.view_preview",
]
GRANTS: Grants = {
    Role.VIEWER: _LOOKING,
    Role.SUPPORT: [
        *_LOOKING,
        "sync.execute_sync",
        "sync.decide_purchase",
        "sync.download_document",
    ],
    Role.ADMINISTRATOR: ["sync.*"],
}


def after_migrate(**signal: Any) -> None:
    grant(GRANTS, signal["using"], signal.get("apps", installed))
