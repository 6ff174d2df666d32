"""`show_run ID`: a run as `execute --wait` prints it, without executing."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sync.models import SyncRun
from sync.reporting import purchase_table, run_json


class Command(BaseCommand):
    help = "Prints one run with its purchases."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", type=int)
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        run = SyncRun.objects.filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"There is no run {options['run']}.", returncode=2)
        data = run_json(run)
        if options["as_json"]:
            self.stdout.write(json.dumps(data))
            return
        for line in purchase_table(data["purchases"]):
            self.stdout.write(line)
        self.stdout.write(f"{run} {run.status}. {run.message}")
