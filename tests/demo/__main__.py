"""`make demo`: the whole product on one machine, against simulated PEX and CMiC.

Starts the sandbox, web, worker and beat, loads the demo tenant, executes it once and
shows what is now in CMiC and in PEX. Leaves no process behind when it ends.
`tests.demo.trouble` and `tests.demo.history` put other tenants beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.core.management import call_command

from config import embedded
from tests.demo import trouble as troubled
from tests.support.processes import (
    ROOT,
    free_port,
    get_json,
    post_json,
    running,
    url,
    wait_for,
)

if TYPE_CHECKING:
    from connector.models import Tenant

TENANT_FILE = Path(__file__).resolve().parent / "tenant.json"
SLUG, USER = "acme", "demo"
EXECUTE_OPTIONS = ("--wait", "--json", "--timeout", "600")


@dataclass(frozen=True)
class Stage:
    """Where the demo is played; `password` is that of USER."""

    ports: dict[str, int]
    password: str

    @property
    def admin(self) -> str:
        return f"{url(self.ports['web'])}/admin/"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop after printing")
    once = parser.parse_args().once
    with staged() as stage:
        exit_code = play(stage)
        if not once:
            say("Ctrl-C stops everything.")
            wait_for_interrupt()
    return exit_code


@contextmanager
def staged() -> Iterator[Stage]:
    """Both simulators, all tenants, and web, worker and beat at work."""
    # A shell starts background jobs with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    ports = {
        "pex": free_port(9101),
        "cmic": free_port(9102),
        "web": free_port(8000),
        **troubled.ports(),
    }
    prepare_environment()
    with ExitStack() as stack:
        for name in ("pex", "cmic"):
            stack.enter_context(
                running(f"tests.simulators.{name}", "--port", str(ports[name]))
            )
        troubled.start(stack, ports)
        embedded.start_if_needed()
        django.setup()
        call_command("migrate", verbosity=0)
        stage = Stage(ports, prepare_login())
        wait_for(f"{url(ports['pex'])}/_sim/state")
        wait_for(f"{url(ports['cmic'])}/_sim/state")
        load_tenants(ports)
        troubled.make_trouble(ports)
        start_processes(stack, ports["web"])
        wait_for(f"{stage.admin}login/")
        yield stage


def play(stage: Stage) -> int:
    """Execute both tenants and show what came of it; the exit code of the demo."""
    with troubled.executing():
        say("The workers are executing the demo tenant …")
        exit_code, run = execute()
        agrees = show(run, stage.ports)
        say(f"\nAdmin: {stage.admin}   login: {USER} / {stage.password}")
        say("The other tenant has trouble of every kind; that takes a moment …")
    troubled.make_late_trouble(stage.ports, load_with_codes)
    agrees &= troubled.show(say, SLUG)
    return exit_code if agrees else 1


def prepare_environment() -> None:
    """The sandbox answers at once, so the limits of the real APIs are off."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["CONNECTOR_ALLOW_LOOPBACK"] = "1"
    for limit in (
        "PEX_CALLS_PER_MINUTE",
        "CMIC_CALLS_PER_SECOND",
        "CMIC_CALLS_IN_FLIGHT",
    ):
        os.environ.setdefault(limit, "0")
    # Lost answers are to be seen today.
    os.environ.setdefault("LOST_ANSWER_DELAYS", "1,2")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ.setdefault("ACME_PEX_TOKEN", "sandbox-token")
    os.environ.setdefault("ACME_CMIC_PASSWORD", "sandbox-password")


def prepare_login() -> str:
    """A superuser with a password made up for this demo, which is returned."""
    from django.contrib.auth import get_user_model

    password = secrets.token_urlsafe(9)
    user, _ = get_user_model().objects.get_or_create(username=USER)
    user.is_staff = user.is_superuser = True
    user.set_password(password)
    user.save()
    return password


def load_tenants(ports: dict[str, int]) -> None:
    """The two that are executed, with their codes; and those with a past."""
    from tests.demo import history

    both = ports["pex"], ports["cmic"]
    acme = load_tenant(json.loads(TENANT_FILE.read_text()), *both)
    read_codes(acme)
    troubled_data = json.loads(troubled.TENANT_FILE.read_text())
    load_with_codes(troubled_data, ports["troubled_pex"], ports["troubled_cmic"])
    preview(acme)
    base = json.loads(TENANT_FILE.read_text())
    history.write(
        acme,
        lambda changes: load_tenant({**base, **changes}, *both),
        lambda business, name: issue_token(ports["pex"], business, name),
    )


def load_with_codes(data: dict[str, Any], pex: int, cmic: int) -> None:
    read_codes(load_tenant(data, pex, cmic))


def load_tenant(data: dict[str, Any], pex: int, cmic: int) -> Tenant:
    """The sandbox starts empty each time, so its tenants do too."""
    from connector.models import Tenant
    from connector.transfer.importing import import_tenant
    from sync.models import PurchaseSync, SyncRun

    data["pex"]["base_url"] = url(pex)
    data["cmic"]["base_url"] = f"{url(cmic)}/cmictest"
    before = Tenant.objects.filter(slug=data["slug"]).first()
    if before is not None:
        if not before.pex.base_url.startswith("http://127.0.0.1:"):
            sys.exit(
                f"The tenant “{before.slug}” of this database is no sandbox tenant; "
                "the demo does not touch it."
            )
        PurchaseSync.objects.filter(tenant=before).delete()
        SyncRun.objects.filter(tenant=before).delete()
        before.delete()
    tenant, _ = import_tenant(data, os.environ)
    return tenant


def issue_token(pex: int, business: int, name: str) -> str:
    """A token of a business that the simulated PEX did not know before."""
    door = f"{url(pex)}/_sim/issue_token"
    token: str = post_json(door, {"business": business, "name": name})["result"]
    return token


def read_codes(tenant: Tenant) -> None:
    from connector.codes.reading import refresh_all
    from connector.connections.clients import cmic_client

    call_command("check_connection", tenant.slug, as_json=True, stdout=StringIO())
    refresh_all(tenant, cmic_client(tenant))


def preview(tenant: Tenant) -> None:
    """One to be compared with what Execute then sends."""
    from django.contrib.auth import get_user_model

    from sync.engine.preview.previews import make_preview, request_preview

    user = get_user_model().objects.get(username=USER)
    make_preview(request_preview(tenant, user).pk)


def start_processes(stack: ExitStack, web_port: int) -> None:
    bind = f"127.0.0.1:{web_port}"
    web = f"gunicorn config.wsgi --bind {bind} --threads 4 --log-level warning"
    web += " --no-control-socket"
    worker = "celery -A config worker --pool threads --concurrency 8"
    worker += " --queues manual,auto --loglevel WARNING"
    beat = "celery -A config beat --loglevel WARNING --pidfile="
    for command in (web, worker, beat):
        stack.enter_context(running(*command.split()))


def execute() -> tuple[int, dict[str, Any]]:
    """Execute as a script would; the exit code and the run."""
    done = subprocess.run(
        [sys.executable, "manage.py", "execute", SLUG, *EXECUTE_OPTIONS],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
        text=True,
    )
    try:
        run = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"Execute ended with {done.returncode} and said nothing.")
    if "purchases" not in run:
        sys.exit(run.get("error", "Execute was refused."))
    return done.returncode, run


def show(run: dict[str, Any], ports: dict[str, int]) -> bool:
    """The table and both sides' totals; whether they agree."""
    from sync.reporting import purchase_table

    say("\n".join(purchase_table(run["purchases"])))
    completed = [each for each in run["purchases"] if each["status"] == "completed"]
    expected = sum((Decimal(each["amount"]) for each in completed), Decimal("0.00"))
    cmic = get_json(f"{url(ports['cmic'])}/_sim/state")
    pex = get_json(f"{url(ports['pex'])}/_sim/state")
    registered = {
        str(invoice["number"]): Decimal(str(invoice["amount"]))
        for invoice in cmic["invoices"]
    }
    total = sum(registered.values(), Decimal("0.00"))
    ours = {each["transaction_id"] for each in completed}
    marked = [each for each in pex["transactions"] if each["id"] in ours]
    markers = sum(count_markers(each) for each in marked)
    counts = ", ".join(f"{value} {name}" for name, value in run["counts"].items())
    window = f"{run['window']['from']} to {run['window']['to']}"
    say(f"\nRun {run['run']} {run['status']} for {window}: {counts}.")
    say(f"PEX:  {len(completed)} completed over {expected}, {markers} markers.")
    say(f"CMiC: {len(cmic['invoices'])} registered invoices over {total}.")
    agrees = (
        len(cmic["invoices"]) == len(registered) == len(completed) == markers
        and total == expected
    )
    say("Both sides agree." if agrees else "The two sides DO NOT agree.")
    return agrees


def count_markers(transaction: dict[str, Any]) -> int:
    notes = transaction["notes"] or []
    return sum("synced with cmic" in str(note).casefold() for note in notes)


def wait_for_interrupt() -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        say("\nStopping …")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
