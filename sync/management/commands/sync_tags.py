"""`sync_tags SLUG`: the options of the mapped tags follow CMiC, purchases aside."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connector.api.exceptions import ConnectorError
from connector.management.tenants import get_tenant
from sync.engine.judging.context import TenantContext
from sync.engine.tags.sync import look_at_filters, look_at_tags, read_lists, sync_tags
from sync.engine.tags.words import counts_of, held_words, words_of
from sync.models import TagSync
from sync.models.tagging import TagSyncActiveError

_COUNTS = ("added", "renamed", "disabled", "enabled", "unchanged")


class Command(BaseCommand):
    help = "Brings the options of the mapped tags in line with CMiC; counts by tag."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would change"
        )
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = get_tenant(options["slug"], returncode=1)
        try:
            context = TenantContext(tenant)
            for remark in read_lists(context):
                self.stderr.write(remark)
            look = self._look if options["dry_run"] else self._sync
            rows, problems = look(context)
        except (ConnectorError, TagSyncActiveError) as error:
            raise CommandError(
                f"The tags of {tenant} could not be synced: {error}", returncode=1
            ) from error
        self._show(rows, as_json=options["as_json"])
        if not rows and not problems:
            self.stderr.write(f"No field mapping of {tenant} has “Sync tag” on.")
        if problems:
            raise CommandError("\n".join(problems), returncode=1)

    def _look(self, context: TenantContext) -> tuple[list[dict[str, Any]], list[str]]:
        rows, problems = [], []
        for each in look_at_tags(context):
            if each.difference is None:
                problems.append(each.problem)
                continue
            rows.append({"tag": each.target.mapping.tag, **counts_of(each.difference)})
            sentence = words_of(each.difference)
            if each.difference.held:
                sentence = f"{sentence} {held_words(each.target, each.difference)}"
            self.stderr.write(f"{each.target.mapping.tag}: {sentence}")
        for plan in look_at_filters(context):
            if plan.is_trouble:
                problems.append(plan.sentence)
            else:
                self.stderr.write(plan.sentence)
        return rows, problems

    def _sync(self, context: TenantContext) -> tuple[list[dict[str, Any]], list[str]]:
        rows, problems = [], []
        for row in sync_tags(context):
            has_failed = row.state == TagSync.State.FAILED
            sentence = f"{row.tag}: {row.message}"
            if has_failed:
                problems.append(sentence)
            else:
                self.stderr.write(sentence)
            was_read = not has_failed or any(getattr(row, name) for name in _COUNTS)
            if row.what == TagSync.What.OPTIONS and was_read:
                counts = {name: getattr(row, name) for name in _COUNTS}
                rows.append({"tag": row.tag, **counts})
        return rows, problems

    def _show(self, rows: list[dict[str, Any]], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(rows))
            return
        for row in rows:
            counts = "  ".join(f"{row[name]:>7,} {name}" for name in _COUNTS)
            self.stdout.write(f"{row['tag']:<30} {counts}")
