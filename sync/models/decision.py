"""Decision: what a person said about a purchase that only they can know (F21, F24).

It is written together with the move that follows from it, and never changed; the next
sync goes on with the purchase. Who may decide is the caller's to check.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from connector import clock
from connector.models import PersonName
from sync.models.purchase import PurchaseSync
from sync.models.states import JUDGEABLE, Status, check_move
from sync.rules.reasons import ReasonCode


class DecisionRefusedError(Exception):
    """The purchase does not wait for this decision (any more)."""


class DecisionManager(models.Manager["Decision"]):
    def make(
        self, row: PurchaseSync, kind: Decision.Kind, *, user: User, why: str
    ) -> Decision:
        """The decision, on record, with its purchase moved.

        Raises `DecisionRefusedError` if somebody else, or a sync, was first.
        """
        to, changes = _move(kind, row)
        waiting = self.waiting(kind).filter(
            pk=row.pk, status=row.status, claimed_by=None
        )
        with transaction.atomic():
            if waiting.exists():
                check_move(row.status, to)
            if not waiting.update(
                status=to,
                needs_person=False,
                is_deferred=False,
                not_before=None,
                fault_count=0,
                reasons=[],
                updated_at=clock.now(),
                **changes,
            ):
                raise DecisionRefusedError(
                    f"“{kind.label}” does not apply to {row} any more, or a sync is at "
                    "work on it. Look at it again."
                )
            return self.create(purchase=row, kind=kind, why=why, decided_by=user)

    def waiting(self, kind: Decision.Kind) -> models.QuerySet[PurchaseSync]:
        """The purchases that such a decision applies to."""
        return PurchaseSync.objects.filter(_APPLIES[kind])


class Decision(models.Model):
    """*It is there*: in CMiC, so only the marker is missing. *Send again*: once more
    under the same number, which CMiC itself would refuse a second time. *Retry*: what
    CMiC refused is judged and sent once more, and a marker that PEX refused is written.
    *Mark as synced*: it is in CMiC by other means, or is not to be there; it is never
    sent, and PEX gets the marker. *Marker written by hand*: PEX has shown it to whoever
    calls. *Leave without marker*: it is in CMiC, and PEX is not to say so."""

    class Kind(models.TextChoices):
        IS_THERE = "is_there", _("It is there")
        SEND_AGAIN = "send_again", _("Send again")
        RETRY = "retry", _("Retry")
        MARK_SYNCED = "mark_synced", _("Mark as synced")
        MARKER_WRITTEN = "marker_written", _("Marker written by hand")
        NO_MARKER = "no_marker", _("Leave without marker")

    purchase = models.ForeignKey(
        PurchaseSync, on_delete=models.CASCADE, related_name="decisions"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    why = models.CharField(max_length=500)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    decided_by_name = PersonName("decided_by")
    decided_at = models.DateTimeField(default=clock.now, editable=False)

    objects = DecisionManager()

    class Meta:
        verbose_name = _("decision")
        ordering = ["decided_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=(
                        "is_there",
                        "send_again",
                        "retry",
                        "mark_synced",
                        "marker_written",
                        "no_marker",
                    )
                ),
                name="decision_kind_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.purchase}"


# An authorization gets another id when it settles: a marker on it would be lost.
_UNSETTLED = models.Q(reasons__contains=[{"code": ReasonCode.PENDING}])
_ASKED = models.Q(status=Status.POSTING, needs_person=True)
_ASKED_FOR_MARKER = models.Q(status=Status.POSTED, needs_person=True)
_APPLIES = {
    Decision.Kind.IS_THERE: _ASKED,
    Decision.Kind.SEND_AGAIN: _ASKED,
    Decision.Kind.RETRY: models.Q(status=Status.FAILED) | _ASKED_FOR_MARKER,
    Decision.Kind.MARK_SYNCED: _ASKED
    | models.Q(status__in=(*JUDGEABLE, Status.FAILED)) & ~_UNSETTLED,
    Decision.Kind.MARKER_WRITTEN: _ASKED_FOR_MARKER,
    Decision.Kind.NO_MARKER: _ASKED_FOR_MARKER,
}


def _move(kind: Decision.Kind, row: PurchaseSync) -> tuple[Status, dict[str, Any]]:
    if kind == Decision.Kind.IS_THERE:
        return Status.POSTED, {"posted_at": clock.now()}
    if kind == Decision.Kind.MARK_SYNCED:
        # The number that it would have had: nothing else may get it.
        now = clock.now()
        settled = {
            "posted_at": now,
            "invoice_number": row.invoice_number or row.computed_number,
        }
        if any(each["code"] == ReasonCode.GONE_FROM_PEX for each in row.reasons):
            # PEX has nothing left to write a marker to.
            return Status.COMPLETED, {"completed_at": now, **settled}
        return Status.POSTED, settled
    if kind == Decision.Kind.MARKER_WRITTEN:
        now = clock.now()
        seen = {"marker_written_at": now, "marker_seen_at": now}
        return Status.COMPLETED, {"completed_at": now, **seen}
    if kind == Decision.Kind.NO_MARKER:
        # Without `marker_seen_at` no run takes it for one whose marker was removed.
        return Status.COMPLETED, {"completed_at": clock.now()}
    if row.status == Status.POSTED:
        return Status.POSTED, {}
    # `resend_count` has the next sync take it up whatever days that covers. What was
    # wrong may have been corrected in PEX: it is judged anew.
    again = {
        "lookup_count": 0,
        "resend_count": F("resend_count") + 1,
        "judged_at": None,
    }
    return Status.PENDING, again
