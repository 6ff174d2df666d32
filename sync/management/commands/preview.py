"""`preview SLUG`: what Execute would send now and what not, with nothing sent."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connector import clock
from connector.api.exceptions import ConnectorError
from connector.management.tenants import get_tenant
from sync.engine.judging.context import TenantContext
from sync.engine.judging.rules import require_complete
from sync.engine.judging.survey import require_ready, survey
from sync.engine.preview.previews import outlook
from sync.engine.run.requesting import window_for
from sync.models import SyncRun
from sync.reporting import preview_json, purchase_table


class Command(BaseCommand):
    help = "Lists what Execute would send now, and what not and why. Sends nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = get_tenant(options["slug"], returncode=1)
        try:
            require_complete(tenant)
            window = window_for(tenant, SyncRun.Trigger.MANUAL, clock.now())
            context = TenantContext(tenant)
            require_ready(context)
            seen = survey(context, window)
        except ConnectorError as error:
            raise CommandError(error.message, returncode=1) from error
        data = preview_json(window, outlook(tenant, seen))
        for remark in seen.remarks:
            self.stderr.write(remark)
        if options["as_json"]:
            self.stdout.write(json.dumps(data))
            return
        self.stdout.write(f"Days covered: {window}")
        for line in purchase_table(data["purchases"]):
            self.stdout.write(line)
