"""`export_tenant SLUG`: a tenant as the JSON that `import_tenant` reads."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.models import Entry
from audit.recording import record
from connector.management.tenants import get_tenant
from connector.transfer.exporting import export_tenant


class Command(BaseCommand):
    help = "Prints one tenant as JSON; secrets only as names of environment variables."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--json", action="store_true", help="It always is JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = get_tenant(options["slug"], returncode=2)
        try:
            data = export_tenant(tenant)
        except ObjectDoesNotExist as error:
            missing = " ".join(tenant.missing_settings())
            raise CommandError(
                f"{tenant} cannot be exported yet: {missing}", returncode=2
            ) from error
        sentence = f"{tenant} was exported as JSON by a command."
        record(Entry.Kind.EXPORT, sentence, tenant=tenant)
        self.stdout.write(json.dumps(data, indent=2, ensure_ascii=False))
