"""`import_tenant FILE`: create or update one tenant from JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connector.transfer.asking import refuse_other_business
from connector.transfer.importing import ImportRefusedError, import_tenant
from connector.transfer.reading import parse_file

REFUSED = 2


class Command(BaseCommand):
    help = (
        "Creates or updates one tenant from a JSON file (“-” reads standard input). A "
        'secret is a string or {"env": "NAME"}. Anything unknown or wrong is refused '
        "with its path, and then nothing is changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        data = _read(options["file"])
        try:
            refuse_other_business(data, os.environ)
            tenant, is_new = import_tenant(data, os.environ)
        except ImportRefusedError as error:
            raise CommandError(
                f"The tenant was refused, nothing was changed.\n{error}",
                returncode=REFUSED,
            ) from error
        done = "created" if is_new else "updated"
        if options["as_json"]:
            self.stdout.write(json.dumps({"tenant": tenant.slug, "result": done}))
        else:
            self.stdout.write(f"Tenant {tenant.slug} was {done}.")


def _read(path: str) -> Any:
    try:
        return parse_file(_content(path))
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read: {error.strerror}.", returncode=REFUSED
        ) from error
    except ValueError as error:
        raise CommandError(f"The file {path} {error}", returncode=REFUSED) from error


def _content(path: str) -> bytes:
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
