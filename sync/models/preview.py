"""Preview: what Execute would have sent at a moment, kept to be compared with what it
then sent (F23).

Owns the states of a preview and who may write its rows; what becomes of a purchase is
judged by `sync.engine.preview.previews`, with the rules of a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from connector import clock
from connector.clock import lease_time
from connector.models import PersonName, Tenant
from connector.models.access import visible
from sync.models.states import Status
from sync.rules.window import Window

_BATCH = 1000


class PreviewLostError(Exception):
    """Another worker makes the preview by now, or it has ended."""


class PreviewQuerySet(models.QuerySet["Preview"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> PreviewQuerySet:
        """Those of tenants that the person may see."""
        return visible(self, user)

    def active(self) -> PreviewQuerySet:
        return self.filter(state__in=Preview.ACTIVE)


class Preview(models.Model):
    """`queued → running → done | failed`. Its rows are written with its end."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    ACTIVE = (State.QUEUED, State.RUNNING)

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="previews"
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    asked_by_name = PersonName("asked_by")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    message = models.TextField(blank=True)
    window_from = models.DateField()
    window_to = models.DateField()
    created_at = models.DateTimeField(default=clock.now, editable=False)
    heartbeat_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # Whoever was taken for dead finds it outdated, and writes nothing.
    try_count = models.PositiveIntegerField(default=0)

    objects = PreviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("preview")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(state__in=("queued", "running")),
                name="preview_one_active_a_tenant",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running", "done", "failed")),
                name="preview_state_known",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="preview_of_tenant")]

    def __str__(self) -> str:
        return f"Preview {self.pk} of {self.tenant}"

    @property
    def window(self) -> Window:
        """The days covered."""
        return Window(self.window_from, self.window_to)

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE

    def begin(self, now: datetime) -> bool:
        """Take it; False if it has ended, or if another is at work on it."""
        free = Q(state=self.State.QUEUED) | Q(heartbeat_at__lte=now - lease_time())
        begun = (
            Preview.objects.active()
            .filter(free, pk=self.pk)
            .update(
                state=self.State.RUNNING,
                heartbeat_at=now,
                try_count=F("try_count") + 1,
            )
        )
        self.refresh_from_db()
        return begun == 1

    def beat(self, now: datetime) -> None:
        """Heartbeat. Raises `PreviewLostError` if another worker has taken it over."""
        if not self._mine().update(heartbeat_at=now):
            raise PreviewLostError(f"{self} is in other hands.")

    def finish(
        self, rows: Iterable[PreviewedPurchase], now: datetime, message: str
    ) -> None:
        """All rows and the end, or nothing. Raises `PreviewLostError`."""
        with transaction.atomic():
            self._end(self.State.DONE, now, message)
            PreviewedPurchase.objects.bulk_create(rows, batch_size=_BATCH)

    def fail(self, now: datetime, message: str) -> None:
        """Raises `PreviewLostError`."""
        self._end(self.State.FAILED, now, message)

    def _end(self, state: State, now: datetime, message: str) -> None:
        if not self._mine().update(state=state, ended_at=now, message=message):
            raise PreviewLostError(f"{self} is in other hands.")
        self.refresh_from_db()

    def _mine(self) -> models.QuerySet[Preview]:
        return Preview.objects.filter(
            pk=self.pk, state=self.State.RUNNING, try_count=self.try_count
        )


class PreviewedPurchase(models.Model):
    """What would become of one purchase; `invoice` is all that would be uploaded."""

    preview = models.ForeignKey(
        Preview, on_delete=models.CASCADE, related_name="purchases"
    )
    pex_transaction_id = models.BigIntegerField(_("PEX transaction"))
    status = models.CharField(max_length=10, choices=Status)
    merchant = models.CharField(max_length=200, blank=True)
    cardholder = models.CharField(max_length=200, blank=True)
    occurred_at = models.DateTimeField(null=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    invoice_number = models.CharField(max_length=20, blank=True)
    invoice_on = models.DateField(null=True)
    lines = models.JSONField(default=list)
    reasons = models.JSONField(default=list)
    invoice = models.JSONField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["preview", "pex_transaction_id"], name="previewed_once"
            )
        ]
        indexes = [
            models.Index(fields=["preview", "status", "id"], name="previewed_by_status")
        ]

    def __str__(self) -> str:
        return self.invoice_number or f"PEX transaction {self.pex_transaction_id}"
