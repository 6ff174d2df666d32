"""`make bench`: every benchmark, as a table and as bench.json.

Names on the command line choose some of them.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from config import embedded

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = {
    "calls_per_purchase": "calls",
    "idle_run": "calls",
    "cost": "cost",
    "throughput": "throughput",
    "limit_use": "limits",
    "receipts": "receipts",
    "receipt_memory": "receipt_memory",
    "code_refresh": "code_refresh",
    "tag_options": "tag_options",
}


def main() -> int:
    wanted = sys.argv[1:] or list(BENCHMARKS)
    if unknown := set(wanted) - set(BENCHMARKS):
        say(f"Unknown: {', '.join(unknown)}. There are: {', '.join(BENCHMARKS)}.")
        return 2
    # So that whoever stops this leaves no simulator or worker behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.settings"
    embedded.start_if_needed()
    django.setup()
    call_command("migrate", verbosity=0)
    results: dict[str, Any] = {}
    for name in wanted:
        module = importlib.import_module(f"tests.benchmarks.{BENCHMARKS[name]}")
        results[name] = getattr(module, name)()
        show(name, results[name])
    (ROOT / "bench.json").write_text(json.dumps(results, indent=2) + "\n")
    return 0


def show(name: str, figures: Any) -> None:
    rows = figures if isinstance(figures, list) else [figures]
    say(f"\n{name.replace('_', ' ')}")
    titles = [key.replace("_", " ") for key in rows[0]]
    say("  ".join(titles))
    for row in rows:
        cells = zip(row.values(), titles, strict=True)
        say("  ".join(f"{value!s:>{len(title)}}" for value, title in cells))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
