"""A second demo tenant that has trouble of every kind, with its own PEX and CMiC, and a
third one that reads the same PEX business.

Between these tenants each reason that a purchase can have is to be seen; the demo
fails if one is not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from tests.support.processes import ROOT, free_port, post_json, running, url, wait_for
from tests.sync.receipts.specimens import papers, rare

SLUG = "birch"
# Reads the same PEX business.
SISTER = "birch-interiors"
TENANT_FILE = Path(__file__).resolve().parent / "troubled_tenant.json"
PURCHASES = 60
_LONGEST = 120
_OPTIONS = ("--wait", "--json", "--timeout", str(_LONGEST))


def ports() -> dict[str, int]:
    return {"troubled_pex": free_port(9103), "troubled_cmic": free_port(9104)}


def start(stack: ExitStack, ports: dict[str, int]) -> None:
    for name, options in (
        ("pex", ("--seed", "3", "--purchases", str(PURCHASES))),
        ("cmic", ()),
    ):
        port = str(ports[f"troubled_{name}"])
        module = f"tests.simulators.{name}"
        stack.enter_context(running(module, "--port", port, *options))
    for name in ("pex", "cmic"):
        wait_for(f"{url(ports[f'troubled_{name}'])}/_sim/state")


def make_trouble(ports: dict[str, int]) -> None:
    """Four purchases that would be sent meet a fault each, the others none; a fifth has
    receipts of every kind, and four more have values that need a closer look.

    PEX refuses the list of receipts for good: what fails with 5xx is tried for minutes
    before it is put aside with the same reason, and is an outage of PEX together with
    the refused note, which the run would wait out.
    """
    pex, cmic = url(ports["troubled_pex"]), url(ports["troubled_cmic"])
    enter_odd_values(pex)
    out = StringIO()
    call_command("preview", SLUG, as_json=True, stdout=out)
    purchases = json.loads(out.getvalue())["purchases"]
    refused, lost, unreadable, unmarked = met = [
        each["transaction_id"] for each in purchases if each["status"] == "pending"
    ][:4]
    for side, fault in (
        (cmic, {"name": "refuse_upload", "match": f"PEX-{refused}"}),
        (cmic, {"name": "reset_before_store", "match": f"PEX-{lost}"}),
        (pex, {"name": "server_error", "match": f"{unreadable}/Att", "status": 400}),
        (pex, {"name": "note_forbidden", "match": str(unmarked)}),
    ):
        post_json(f"{side}/_sim/faults", fault)
    for each in purchases:
        if each["status"] == "pending" and each["transaction_id"] not in met:
            give_odd_receipts(pex, each["transaction_id"])
            break


def give_odd_receipts(pex: str, purchase: int) -> None:
    """What people really send: a mail, a filled form, a photograph that broke off, and
    a scan in a printer's colours."""
    mail = b"From: shop@example.com\nTo: ana@example.com\nSubject: Receipt\n\nThanks."
    receipts = (
        (mail, "Image"),
        (papers.filled("118.40"), "Pdf"),
        (rare.TORN["jpeg without its last bytes"][0](), "Image"),
        (rare.inked(), "Image"),
    )
    coded = [(b64encode(content).decode(), label) for content, label in receipts]
    door = {"transaction_id": purchase, "receipts": coded}
    post_json(f"{pex}/_sim/change", door)


def enter_odd_values(pex: str) -> None:
    """A zero that a spreadsheet took from a job, a code with a space that nobody sees,
    splits that were reckoned with floats, and a merchant whom Latin-1 cannot write."""
    job, phase = "Job/Dept/Eqp.", "Cost Code/Account/Category"
    halves = ("48.70", "29.599999999999994")
    for purchase in (
        {"amount": "41.20", "tags": {job: "17401", phase: "02.100"}},
        {"amount": "12.80", "tags": {job: "017401\u00a0", phase: "02.100"}},
        {"amount": "78.30", "splits": [(each, {phase: "02.100"}) for each in halves]},
        {"amount": "9.95", "tags": {phase: "02.100"}, "merchant": "Café Łódź ☕"},
    ):
        entered = {"merchant": "ACE TOOLS", "receipts": ["png"], **purchase}
        post_json(f"{pex}/_sim/purchase", entered)


def make_late_trouble(
    ports: dict[str, int], load: Callable[[dict[str, Any], int, int], Any]
) -> None:
    """What only a second sync finds: a purchase that PEX lists no longer, days that are
    not covered any more, and another tenant of the business, which `load` makes."""
    from connector.models import TransactionSettings
    from sync.models import PurchaseSync
    from sync.rules.window import business_day

    def days(status: str) -> list[tuple[date, int]]:
        """Of the tenant's purchases with that status, with their transaction ids."""
        rows = PurchaseSync.objects.filter(tenant__slug=SLUG, status=status)
        found = rows.values_list("occurred_at", "pex_transaction_id")
        return sorted((business_day(at), number) for at, number in found if at)

    blocked = days("blocked")
    start = next(day for day, _ in blocked if day > blocked[0][0])
    TransactionSettings.objects.filter(tenant__slug=SLUG).update(start_date=start)
    door = f"{url(ports['troubled_pex'])}/_sim/remove"
    post_json(door, {"transaction_id": blocked[-1][1]})
    with executing():
        pass
    day = days("failed")[0][0].isoformat()
    data = json.loads(TENANT_FILE.read_text())
    data |= {"slug": SISTER, "name": "Birch Interiors"}
    data["transactions"] |= {"start_date": day, "end_date": day}
    load(data, ports["troubled_pex"], ports["troubled_cmic"])
    with executing(SISTER):
        pass


@contextmanager
def executing(slug: str = SLUG) -> Iterator[None]:
    """The tenant's Execute goes on beside whatever is done inside."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "execute", slug, *_OPTIONS],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
        process.wait(_LONGEST)
    finally:
        process.terminate()


def show(say: Callable[[str], Any], *others: str) -> bool:
    """How many purchases of this tenant and `others` have each reason; whether none is
    missing.

    Rows of PEX that are no purchases at all are never kept.
    """
    from sync.models import PurchaseSync
    from sync.rules.reasons import ReasonCode

    slugs = (SLUG, SISTER, *others)
    rows = PurchaseSync.objects.filter(tenant__slug__in=slugs).values_list(
        "reasons", flat=True
    )
    found = Counter(reason["code"] for reasons in rows for reason in reasons)
    say("\nReasons of purchases that are not in CMiC, or not marked, of these tenants:")
    for code in ReasonCode:
        if code is not ReasonCode.NOT_A_PURCHASE:
            say(f"  {code:<22} {found[code]:>4}")
    missing = set(ReasonCode) - set(found) - {ReasonCode.NOT_A_PURCHASE}
    if missing:
        say(f"NOT TO BE SEEN: {', '.join(sorted(missing))}.")
    return not missing
