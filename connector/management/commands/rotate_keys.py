"""`rotate_keys`: encrypt every stored secret anew with the newest of FERNET_KEYS."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connector.connections.rotation import Rotation, rotate


class Command(BaseCommand):
    help = "Encrypts every secret anew with the newest key; --check only counts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing, say what would be"
        )
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        found = rotate(is_check=options["check"])
        if options["as_json"]:
            self.stdout.write(json.dumps(asdict(found)))
        else:
            self.stdout.write(_words(found, is_check=options["check"]))
        if found.unreadable:
            raise CommandError(_unreadable(found), returncode=1)


def _words(found: Rotation, *, is_check: bool) -> str:
    verb = "would be" if is_check else "were"
    keys = (
        "Keep all keys."
        if found.old_keys_needed
        else "Every secret opens with the newest key: the older keys can be removed."
    )
    return (
        f"Secrets that {verb} encrypted anew: {found.rotated:,}; that had the newest "
        f"key already: {found.already_newest:,}. {keys}"
    )


def _unreadable(found: Rotation) -> str:
    named = ", ".join(
        f"{each['field']} of {each['model']} {each['id']}" for each in found.unreadable
    )
    return (
        f"No key opens {named}. Add the key that was used to FERNET_KEYS, or enter "
        "what is stored there again."
    )
