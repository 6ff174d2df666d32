"""The indexes and constraints of a purchase's row.

Indexes are for taking the next one, and for lists of millions: these are sorted by day,
newest first, so each filter's index ends with it. Why these:
docs/decisions/013-lists-of-millions.md.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Func, Q

from sync.models.states import UNFINISHED, Status

# Its run must still work on it.
UNFINISHED_ROW = Q(status__in=UNFINISHED, needs_person=False, is_deferred=False)
# It is to be sent, and no sync looks at it.
_LEFT = Q(status="pending") & (
    Q(reasons__contains=[{"code": "outside_window"}])
    | Q(reasons__contains=[{"code": "gone_from_pex"}])
)
_LEFT_SQL = """(status = 'pending' AND (
    reasons @> '[{"code": "outside_window"}]' OR
    reasons @> '[{"code": "gone_from_pex"}]'))"""
# It waits for a person.
OPEN = Q(status__in=("blocked", "failed")) | Q(needs_person=True) | _LEFT
OPEN_SQL = f"(status IN ('blocked', 'failed') OR needs_person OR {_LEFT_SQL})"


def words() -> SearchVector:
    """The words of merchant and cardholder, as people may type the beginning of one."""
    return SearchVector("merchant", "cardholder", config="simple")


def first_codes() -> Func:
    """The first code of each line: the job, where lines are booked on jobs.

    An array, because PostgreSQL knows how often each element of one occurs; of JSON it
    would guess, and read through all purchases for a rare job.
    """
    return Func(
        F("lines"),
        function="sync_first_codes",
        output_field=ArrayField(models.TextField()),
    )


INDEXES: list[models.Index] = [
    models.Index(fields=["run", "status"], name="purchase_of_run"),
    # In the order in which they are taken, so that taking one of 20,000 costs
    # what taking one of ten does.
    models.Index(
        fields=["run", "-status", "pex_transaction_id"],
        condition=UNFINISHED_ROW,
        name="purchase_unfinished",
    ),
    models.Index(
        fields=["tenant", "status", "-occurred_at"], name="purchase_of_tenant"
    ),
    models.Index(fields=["-occurred_at", "-id"], name="purchase_newest"),
    models.Index(
        fields=["tenant", "-occurred_at", "-id"], name="purchase_newest_of_tenant"
    ),
    models.Index(fields=["status", "-occurred_at", "-id"], name="purchase_by_status"),
    models.Index(fields=["amount"], name="purchase_by_amount"),
    models.Index(fields=["pex_transaction_id"], name="purchase_by_transaction"),
    models.Index(
        OpClass(F("invoice_number"), name="varchar_pattern_ops"),
        condition=~Q(invoice_number=""),
        name="purchase_by_number",
    ),
    GinIndex(OpClass(F("reasons"), name="jsonb_path_ops"), name="purchase_by_reason"),
    GinIndex(first_codes(), name="purchase_by_job"),
    GinIndex(words(), name="purchase_by_words"),
    # All that grouping by cause reads, of the open ones only.
    models.Index(
        fields=["tenant"],
        include=["id", "causes", "amount", "occurred_at", "cardholder"],
        condition=OPEN,
        name="purchase_open_by_tenant",
    ),
    models.Index(fields=["occurred_at"], condition=OPEN, name="purchase_open_by_age"),
    models.Index(
        fields=["tenant", "posting_at"],
        condition=Q(lacks_receipt=True),
        name="purchase_lacks_receipt",
    ),
    models.Index(
        fields=["completed_at"],
        include=["tenant"],
        condition=Q(completed_at__isnull=False),
        name="purchase_completed",
    ),
]

CONSTRAINTS = [
    models.UniqueConstraint(
        fields=["tenant", "pex_transaction_id"], name="purchase_once"
    ),
    models.UniqueConstraint(
        fields=["tenant", "invoice_number"],
        condition=~Q(invoice_number=""),
        name="purchase_invoice_number_once",
    ),
    models.CheckConstraint(
        condition=Q(status__in=Status.values), name="purchase_status_known"
    ),
    models.CheckConstraint(
        condition=Q(claimed_by=None, claimed_until=None)
        | Q(claimed_by__isnull=False, claimed_until__isnull=False),
        name="purchase_lease_whole",
    ),
    models.CheckConstraint(
        condition=~Q(status__in=("posting", "posted")) | ~Q(invoice_number=""),
        name="purchase_number_before_sending",
    ),
    models.CheckConstraint(
        condition=Q(generation__gte=1), name="purchase_generation_counts"
    ),
]
