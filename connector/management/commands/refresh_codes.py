"""`refresh_codes SLUG`: read CMiC's reference data into the cache."""

from __future__ import annotations

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connector.api.cmic.types import CodeKind
from connector.api.exceptions import ConnectorError, RefreshActiveError
from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.management.tenants import get_tenant
from connector.models import Tenant

_PAUSE = 1.0  # seconds


class Command(BaseCommand):
    help = "Reads CMiC's companies, vendors, jobs … into the cache; counts by kind."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = get_tenant(options["slug"], returncode=1)
        try:
            counts = self._refresh(tenant)
        except ConnectorError as error:
            raise CommandError(
                f"The codes of {tenant} could not be read: {error.message}",
                returncode=1,
            ) from error
        if options["as_json"]:
            self.stdout.write(json.dumps(counts))
            return
        for kind, count in counts.items():
            self.stdout.write(f"{CodeKind(kind).label:<18} {count:>8,}")

    def _refresh(self, tenant: Tenant) -> dict[str, int]:
        """Whoever reads them already is waited for, and then they are read anew."""
        client = cmic_client(tenant)
        is_told = False
        while True:
            try:
                return refresh_all(tenant, client)
            except RefreshActiveError as error:
                if not is_told:
                    self.stderr.write(f"{error.message} Waiting for it to end.")
                is_told = True
                time.sleep(_PAUSE)
