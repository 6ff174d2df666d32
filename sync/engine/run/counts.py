"""How a run stands: which outcome each of its purchases counts as, and how many do."""

from __future__ import annotations

from django.db.models import Count, Q

from sync.models import PurchaseSync, Status, SyncRun
from sync.models.states import UNFINISHED
from sync.rules.reasons import MARKER, ReasonCode

_ASKS_PERSON = Q(
    status=Status.POSTING, reasons__contains=[{"code": ReasonCode.LOST_ANSWER}]
) | Q(status=Status.POSTED, reasons__contains=[{"field": MARKER}])

# The counts of the contract, in the order in which people read them; the database
# keeps none. By what a purchase and what a run ended with for it (`RunOutcome`) both
# have. `waiting` is what goes on by itself; a purchase that needs a person after a
# lost answer, or for its marker, is counted with the blocked ones.
OUTCOMES: dict[str, Q] = {
    "seen": Q(),
    "completed": Q(status=Status.COMPLETED),
    "skipped": Q(status=Status.SKIPPED),
    "blocked": Q(status=Status.BLOCKED) | _ASKS_PERSON,
    "failed": Q(status=Status.FAILED),
    "waiting": Q(status__in=UNFINISHED) & ~_ASKS_PERSON,
}
# Somebody has to do something about it.
HELD = OUTCOMES["blocked"] | OUTCOMES["failed"]


def counts_of(run: SyncRun) -> dict[str, int]:
    """As the rows say while the run is active, and as it ended after that."""
    counts = count_outcomes(run) if run.is_active else run.counts
    return {name: counts.get(name, 0) for name in OUTCOMES}


def count_outcomes(run: SyncRun) -> dict[str, int]:
    """How many of the run's purchases count as each of `OUTCOMES` now; one query."""
    rows = PurchaseSync.objects.filter(run=run)
    return rows.aggregate(
        **{name: Count("pk", filter=each) for name, each in OUTCOMES.items()}
    )
