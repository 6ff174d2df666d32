"""How a run stands, read from its purchases' rows."""

from __future__ import annotations

from django.db.models import Count

from sync.models import PurchaseSync, Status, SyncRun

# In the order in which people read them; the database keeps none.
COUNTS = ("seen", "completed", "skipped", "blocked", "failed", "waiting")


def counts_of(run: SyncRun) -> dict[str, int]:
    """As the rows say while the run is active, and as it ended after that."""
    counts = count_outcomes(run) if run.is_active else run.counts
    return {name: counts.get(name, 0) for name in COUNTS}


def count_outcomes(run: SyncRun) -> dict[str, int]:
    """The counts of the contract.

    `waiting` is what goes on by itself; a purchase that needs a person after a lost
    answer is counted with the blocked ones.
    """
    rows = PurchaseSync.objects.filter(run=run)
    by_status = dict(rows.values_list("status").annotate(Count("pk")).order_by())
    waiting = rows.waiting().count()
    asked = rows.filter(needs_person=True).count()
    return {
        "seen": sum(by_status.values()),
        "completed": by_status.get(Status.COMPLETED, 0),
        "skipped": by_status.get(Status.SKIPPED, 0),
        "blocked": by_status.get(Status.BLOCKED, 0) + asked,
        "failed": by_status.get(Status.FAILED, 0),
        "waiting": waiting,
    }
