"""Decision: what a person said about a lost answer, that nobody else can know (F21).

It is written together with the move that follows from it, and never changed; the next
sync goes on with the purchase. Who may decide is the caller's to check.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sync.models.purchase import PurchaseSync
from sync.models.states import Status, check_move


class DecisionRefusedError(Exception):
    """The purchase does not wait for this decision (any more)."""


class DecisionManager(models.Manager["Decision"]):
    def make(
        self, row: PurchaseSync, kind: Decision.Kind, *, user: User, why: str
    ) -> Decision:
        """The decision, on record, with its purchase moved.

        Raises `DecisionRefusedError` if somebody else, or a sync, was first.
        """
        to, changes = _move(kind)
        check_move(Status.POSTING, to)
        waiting = PurchaseSync.objects.filter(
            pk=row.pk, status=Status.POSTING, needs_person=True, claimed_by=None
        )
        with transaction.atomic():
            if not waiting.update(
                status=to,
                needs_person=False,
                reasons=[],
                updated_at=timezone.now(),
                **changes,
            ):
                raise DecisionRefusedError(
                    f"{row} does not wait for a decision any more. Look at it again."
                )
            return self.create(purchase=row, kind=kind, why=why, decided_by=user)


class Decision(models.Model):
    """*It is there*: in CMiC, so only the marker is missing. *Send again*: once more
    under the same number, which CMiC itself would refuse a second time."""

    class Kind(models.TextChoices):
        IS_THERE = "is_there", _("It is there")
        SEND_AGAIN = "send_again", _("Send again")

    purchase = models.ForeignKey(
        PurchaseSync, on_delete=models.CASCADE, related_name="decisions"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    why = models.CharField(max_length=500)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    decided_at = models.DateTimeField(auto_now_add=True)

    objects = DecisionManager()

    class Meta:
        verbose_name = _("decision")
        ordering = ["decided_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=("is_there", "send_again")),
                name="decision_kind_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.purchase}"


def _move(kind: Decision.Kind) -> tuple[Status, dict[str, Any]]:
    if kind == Decision.Kind.IS_THERE:
        return Status.POSTED, {"posted_at": timezone.now()}
    again = {"lookup_count": 0, "resend_count": F("resend_count") + 1}
    return Status.PENDING, again
