"""RunOutcome: what one run ended with for one purchase."""

from __future__ import annotations

from django.db import models

from sync.models.run import SyncRun
from sync.models.states import Status


class RunOutcome(models.Model):
    """What one run ended with for one purchase; later runs do not change it."""

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="outcomes")
    purchase = models.ForeignKey(
        "sync.PurchaseSync", on_delete=models.CASCADE, related_name="outcomes"
    )
    status = models.CharField(max_length=10, choices=Status)
    reasons = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "purchase"], name="outcome_once_a_run"
            )
        ]

    def __str__(self) -> str:
        return f"{self.purchase}: {self.status}"
