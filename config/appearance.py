"""How the admin looks: its name, its menu, the tabs of a tenant's page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _is_on_page(anchor: str) -> Callable[[HttpRequest], bool]:
    """The tenant's own page has all tabs; while it is being added, the first only.

    Pages beside it (history, credentials …) have none of them.
    """

    def is_on_page(request: HttpRequest) -> bool:
        name = request.resolver_match.url_name if request.resolver_match else ""
        if name == "connector_tenant_add":
            return anchor == "general"
        return name == "connector_tenant_change"

    return is_on_page


def _list(
    title: str, icon: str, app: str, model: str, page: str = "changelist"
) -> dict[str, Any]:
    """A line of the menu, for those who may look at the rows of the model."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_{page}"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{model}"),
    }


UNFOLD = {
    "SITE_TITLE": "PEX Connector for CMiC",
    "SITE_HEADER": "PEX Connector",
    "SITE_SUBHEADER": "for CMiC",
    "SITE_SYMBOL": "sync_alt",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("connector/favicon.svg"),
        }
    ],
    "DASHBOARD_CALLBACK": "sync.admin.dashboard.dashboard.fill",
    "ACCOUNT": {
        "navigation": [
            {
                "title": "Your sessions",
                "link": reverse_lazy("admin:logins_personsession_changelist"),
            },
            {
                "title": "Change password",
                "link": reverse_lazy("admin:password_change"),
            },
        ],
    },
    "LOGIN": {"form": "logins.forms.LoginForm"},
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [
        lambda request: static("connector/admin.css"),
        lambda request: static("connector/tenant.css"),
        lambda request: static("connector/dashboard.css"),
    ],
    "SCRIPTS": [lambda request: static("connector/names.js")],
    "TABS": [
        {
            "models": [{"name": "connector.tenant", "detail": True}],
            "items": [
                # The anchors are those of `connector.admin.steps`.
                {
                    "title": title,
                    "link": "",
                    "inline": anchor,
                    "active": False,
                    "permission": _is_on_page(anchor),
                }
                for anchor, title in (
                    ("general", "Connect"),
                    ("transactions", "Transaction settings"),
                    ("mappings", "Field mappings"),
                    ("sync", "Sync"),
                )
            ],
        },
    ],
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            {
                "items": [
                    {
                        "title": "Dashboard",
                        "icon": "dashboard",
                        "link": reverse_lazy("admin:index"),
                    },
                ],
            },
            {
                "title": "Connect",
                "items": [
                    _list("Tenants", "domain", "connector", "tenant"),
                    _list("Tag meanings", "label", "connector", "tagmeaning"),
                ],
            },
            {
                "title": "Sync",
                "items": [
                    _list("Runs", "sync", "sync", "syncrun"),
                    _list("Blocked causes", "report", "sync", "purchasesync", "causes"),
                    _list("Purchases", "receipt_long", "sync", "purchasesync"),
                    _list("Previews", "visibility", "sync", "preview"),
                    _list("Alerts", "mail", "sync", "alert"),
                ],
            },
            {
                "title": "Access",
                "items": [
                    _list("Users", "person", "auth", "user"),
                    _list("Groups", "group", "auth", "group"),
                    _list("Locked logins", "lock", "logins", "lock"),
                    _list("Audit list", "policy", "audit", "entry"),
                ],
            },
        ],
    },
}
