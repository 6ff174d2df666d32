"""SyncAttempt: one try to send one purchase, what was sent and what was answered.

Written once when the try begins and once when it ends; never holds a secret or a file.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.purchase import PurchaseSync
from sync.models.run import SyncRun

_ANSWER_LIMIT = 4000


class SyncAttempt(models.Model):
    class Outcome(models.TextChoices):
        OPEN = "open", _("no answer on record")
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")
        NOT_SENT = "not_sent", _("certainly not taken")
        LOST = "lost", _("answer lost")

    purchase = models.ForeignKey(
        PurchaseSync, on_delete=models.CASCADE, related_name="attempts"
    )
    run = models.ForeignKey(
        SyncRun, on_delete=models.SET_NULL, null=True, related_name="attempts"
    )
    invoice_number = models.CharField(max_length=20)
    payload = models.JSONField()
    document_name = models.CharField(max_length=60)
    document_digest = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.OPEN)
    answer_status = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(blank=True)

    class Meta:
        ordering = ["started_at", "pk"]
        verbose_name = _("attempt")
        indexes = [models.Index(fields=["started_at"], name="attempt_started")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    outcome__in=("open", "accepted", "refused", "not_sent", "lost")
                ),
                name="attempt_outcome_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.invoice_number} at {self.started_at:%Y-%m-%d %H:%M:%S} UTC"

    def end(
        self, outcome: Outcome, now: datetime, *, status: int | None, answer: str
    ) -> None:
        """Put the answer on record, also a late one that no row may follow any more."""
        SyncAttempt.objects.filter(pk=self.pk).update(
            outcome=outcome,
            ended_at=now,
            answer_status=status or None,
            answer=answer[:_ANSWER_LIMIT].replace("\x00", " "),
        )
