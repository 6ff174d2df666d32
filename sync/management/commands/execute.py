"""`execute SLUG`: start a run through the workers, and wait for its end if asked."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from connector.management.tenants import get_tenant
from sync.engine.run.requesting import RunRefusedError, request_run
from sync.models import SyncRun
from sync.reporting import purchase_table, run_json
from sync.tasks import send_on_commit

SUCCEEDED, PARTIAL, REFUSED_OR_FAILED, TIMED_OUT = 0, 1, 2, 3
EXIT_CODES = {
    SyncRun.State.SUCCEEDED: SUCCEEDED,
    SyncRun.State.PARTIAL: PARTIAL,
    SyncRun.State.STOPPED: PARTIAL,
    SyncRun.State.FAILED: REFUSED_OR_FAILED,
}
_POLL = 0.25  # seconds


class Command(BaseCommand):
    help = (
        "Starts a run of the tenant through the workers. With --wait: exit 0 "
        "succeeded, 1 partial, 2 refused or failed, 3 timed out waiting."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument(
            "--auto",
            action="store_true",
            help="under the rules of an automatic run, window included",
        )
        parser.add_argument("--wait", action="store_true")
        parser.add_argument("--timeout", type=float, default=3600.0, help="seconds")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = get_tenant(options["slug"], returncode=REFUSED_OR_FAILED)
        trigger = SyncRun.Trigger.AUTO if options["auto"] else SyncRun.Trigger.MANUAL
        try:
            run, step = request_run(tenant, trigger)
        except RunRefusedError as error:
            self._refuse(error, as_json=options["as_json"])
        send_on_commit(step)
        if not options["wait"]:
            self._tell(run, options)
            return
        self.stderr.write(f"Run {run.pk} covers {run.window_from} to {run.window_to}.")
        has_ended = _wait(run, options["timeout"])
        self._tell(run, options)
        if not has_ended:
            self.stderr.write(f"Run {run.pk} goes on; waiting ended by --timeout.")
            sys.exit(TIMED_OUT)
        sys.exit(EXIT_CODES[SyncRun.State(run.status)])

    def _refuse(self, error: RunRefusedError, *, as_json: bool) -> None:
        if as_json:
            active = error.active.pk if error.active else None
            refusal = {"error": error.message, "active_run": active}
            self.stdout.write(json.dumps(refusal))
        self.stderr.write(error.message)
        sys.exit(REFUSED_OR_FAILED)

    def _tell(self, run: SyncRun, options: dict[str, Any]) -> None:
        data = run_json(run)
        if options["as_json"]:
            self.stdout.write(json.dumps(data))
            return
        for line in purchase_table(data["purchases"]):
            self.stdout.write(line)
        counts = ", ".join(f"{value} {name}" for name, value in data["counts"].items())
        self.stdout.write(f"Run {run.pk} {run.status}: {counts}. {run.message}")


def _wait(run: SyncRun, timeout: float) -> bool:
    """Whether the run ended within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while run.is_active:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
        run.refresh_from_db()
    return True
