"""The three roles (F35): groups that get their permissions after a migration.

Each app gives its own permissions with `grant`. Each is given once and remembered: what
an administrator takes from a group stays taken, a group that was deleted stays deleted,
and what a later version adds still arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from django.apps import apps as installed
from django.db import transaction


class Role(StrEnum):
    """Names of the groups. A role may all that the one before it may."""

    VIEWER = "Viewer"
    SUPPORT = "Support"
    ADMINISTRATOR = "Administrator"


# As `app.codename`; `app.*` is all that the app has.
Grants = Mapping[Role, Iterable[str]]

_PARTS = (
    "tenant",
    "pexconnection",
    "cmicconnection",
    "transactionsettings",
    "fieldmapping",
    "tagmeaning",
)
_LOOKING = [f"connector.view_{part}" for part in _PARTS]
# Credentials, new tenants and people are an administrator's.
_SETTING_UP = [
    "connector.change_tenant",
    *(
        f"connector.{verb}_{part}"
        for part in ("transactionsettings", "fieldmapping")
        for verb in ("add", "change")
    ),
    "connector.add_tagmeaning",
    "connector.delete_tagmeaning",
]
GRANTS: Grants = {
    Role.VIEWER: _LOOKING,
    Role.SUPPORT: [*_LOOKING, *_SETTING_UP],
    Role.ADMINISTRATOR: [
        "connector.*",
        *(
            f"auth.{verb}_{what}"
            for verb in ("view", "add", "change", "delete")
            for what in ("user", "group")
        ),
    ],
}


def after_migrate(**signal: Any) -> None:
    grant(GRANTS, signal["using"], signal.get("apps", installed))


def grant(grants: Grants, using: str, apps: Any = installed) -> None:
    """Give each role what it was never given before; `apps` is how models are now."""
    try:
        given = apps.get_model("connector", "RoleGrant").objects.using(using)
    except LookupError:
        # Migrated back to before there were roles.
        return
    groups = apps.get_model("auth", "Group").objects.using(using)
    with transaction.atomic(using):
        for role, names in grants.items():
            mine = given.filter(role=role)
            known = set(mine.values_list("permission", flat=True))
            group = groups.filter(name=role).first()
            if group is None and known:
                continue
            new = [
                each
                for each in _permissions(names, using, apps)
                if _name(each) not in known
            ]
            group = group or groups.create(name=role)
            group.permissions.add(*new)
            given.bulk_create(
                given.model(role=role, permission=_name(each)) for each in new
            )


def _permissions(names: Iterable[str], using: str, apps: Any) -> list[Any]:
    rows = apps.get_model("auth", "Permission").objects.using(using)
    found: list[Any] = []
    for name in names:
        app, codename = name.split(".")
        some = rows.filter(content_type__app_label=app).select_related("content_type")
        found += some if codename == "*" else some.filter(codename=codename)
    return found


def _name(permission: Any) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
