"""`check_connection SLUG`: whether PEX and CMiC answer, side by side."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from connector import clock
from connector.api.cmic.reference import MODULES
from connector.api.exceptions import ConnectorError, SettingsIncompleteError
from connector.connections.business import sister_warning
from connector.connections.probing import check_cmic, check_pex, pex_message
from connector.connections.token_life import token_warning
from connector.management.tenants import get_tenant
from connector.models import Tenant


class Command(BaseCommand):
    help = "Checks the tenant's connections live; exit 0 if all is good, 1 if not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = get_tenant(options["slug"], returncode=1)
        with ThreadPoolExecutor(2) as pool:
            pex, cmic = pool.map(lambda check: check(tenant), (_pex, _cmic))
        if options["as_json"]:
            self.stdout.write(json.dumps({"pex": pex, "cmic": cmic}))
        else:
            self._print(tenant, pex, cmic)
        if not (pex["ok"] and cmic["ok"]):
            sys.exit(1)

    def _print(self, tenant: Tenant, pex: dict[str, Any], cmic: dict[str, Any]) -> None:
        self.stdout.write(
            f"PEX   {_pex_words(tenant) if pex['ok'] else pex['message']}"
        )
        if warning := sister_warning(tenant):
            self.stdout.write(f"      {warning}")
        for module in cmic["modules"]:
            state = "ok" if module["ok"] else module["message"]
            self.stdout.write(f"CMiC  {module['name']:<4} {state}")


def _pex_words(tenant: Tenant) -> str:
    found, now = tenant.pex, clock.now()
    until = f", token until {found.token_expires_at}" if found.token_expires_at else ""
    account = f"{found.business_name} as {found.username}{until}"
    warning = token_warning(found, now)
    return f"{account}. {warning.sentence}" if warning else account


def _pex(tenant: Tenant) -> dict[str, Any]:
    try:
        info = check_pex(tenant)
    except ConnectorError as error:
        return {
            "ok": False,
            "business": "",
            "expires_at": None,
            "message": _pex_message(tenant, error),
        }
    finally:
        connection.close()
    expires_at = tenant.pex.token_expires_at
    return {
        "ok": True,
        "business": info.business_name,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }


def _pex_message(tenant: Tenant, error: ConnectorError) -> str:
    if isinstance(error, SettingsIncompleteError):
        return error.message
    return pex_message(error, tenant.pex.base_url)


def _cmic(tenant: Tenant) -> dict[str, Any]:
    """Each module with its own sentence, also when all fail for one cause."""
    try:
        modules = [
            {"name": state.name, "ok": state.is_ok, "message": state.message}
            for state in check_cmic(tenant)
        ]
    except ConnectorError as error:
        modules = [
            {"name": name, "ok": False, "message": error.message} for name in MODULES
        ]
    finally:
        connection.close()
    return {"ok": all(module["ok"] for module in modules), "modules": modules}
