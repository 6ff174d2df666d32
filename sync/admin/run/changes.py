"""What is different since the run before: purchases, settings and tag options.

Compares what both ended with; an active run has not ended with anything yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Exists, OuterRef, QuerySet

from connector.admin.moments import minute
from connector.history import entries_of
from sync.admin.tenant.tags import TAG_SYNC_COLOURS, kept_words
from sync.engine.run.counts import HELD
from sync.models import PurchaseSync, RunOutcome, Status, SyncRun, TagSync

# What became of a purchase, compared with the run before: the names of links, too.
CHANGES = {
    "new": "seen for the first time",
    "newly_held": "newly blocked or failed",
    "solved": "done now that were held before",
    "still_held": "still blocked or failed",
}
_MOST_ENTRIES = 10


@dataclass(frozen=True)
class RunChanges:
    """Counts by the keys of `CHANGES`; who changed which setting; tag syncs."""

    before: SyncRun | None
    counts: dict[str, int]
    settings: Sequence[str] = ()
    tags: Sequence[tuple[TagSync, str, Any]] = ()


def changes_of(run: SyncRun, user: User | AnonymousUser) -> RunChanges:
    """Settings only for those who may look at the tenant. A constant number of
    queries."""
    # A run that never came to see its purchases tells nothing of them.
    before = run_before(run) if run.counts.get("seen") else None
    counts = (
        {name: changed(run, before, name).count() for name in CHANGES} if before else {}
    )
    may_see = user.has_perm("connector.view_tenant")
    return RunChanges(
        before,
        {name: count for name, count in counts.items() if count},
        _settings(run, before) if before and may_see else (),
        [
            (row, TAG_SYNC_COLOURS[TagSync.State(row.state)], kept_words(row))
            for row in TagSync.objects.filter(run=run).order_by("pk")
        ],
    )


def run_before(run: SyncRun) -> SyncRun | None:
    """The tenant's run before it that ended with something."""
    ended = SyncRun.objects.filter(tenant=run.tenant_id, pk__lt=run.pk)
    return ended.exclude(status__in=SyncRun.ACTIVE).order_by("-pk").first()


def changed(run: SyncRun, before: SyncRun, name: str) -> QuerySet[RunOutcome]:
    """The outcomes of the run that stand in this relation to those before."""
    after = RunOutcome.objects.filter(run=run)
    earlier = RunOutcome.objects.filter(run=before, purchase=OuterRef("purchase"))
    if name == "new":
        return after.filter(~Exists(earlier))
    was_held = Exists(earlier.filter(HELD))
    if name == "solved":
        in_cmic = (Status.POSTED, Status.COMPLETED)
        return after.filter(was_held, status__in=in_cmic)
    return after.filter(HELD, was_held if name == "still_held" else ~was_held)


def purchases_changed(
    purchases: QuerySet[PurchaseSync], run: SyncRun, name: str
) -> QuerySet[PurchaseSync]:
    """Those of the purchases that `changed` counts."""
    before = run_before(run)
    if before is None:
        return purchases.none()
    ids = changed(run, before, name).values("purchase")
    return purchases.filter(pk__in=ids)


def _settings(run: SyncRun, before: SyncRun) -> list[str]:
    """The newest changes between the two, in words."""
    entries = [
        entry
        for entry in entries_of(run.tenant)
        if before.created_at < entry.at <= run.created_at
    ]
    lines = [
        f"{line} ({entry.by}, {minute(entry.at)})"
        for entry in entries
        for line in entry.lines
    ]
    more = len(lines) - _MOST_ENTRIES
    return lines[:_MOST_ENTRIES] + ([f"… and {more} more."] if more > 0 else [])
