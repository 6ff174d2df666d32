"""Alert: a mail about one tenant, kept from its writing until long after its sending.

Owns who sends it and when it is tried again. What it says is
`sync.engine.alert.writing`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from connector.models import Tenant
from connector.models.access import visible

# Longer than a mail server is waited for.
_CLAIM = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=1)


class AlertQuerySet(models.QuerySet["Alert"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> AlertQuerySet:
        """Those of tenants that the person may see."""
        return visible(self, user)

    def claim_next(self, now: datetime) -> Alert | None:
        """Take one that is due, or None. Two workers never get the same."""
        free = Q(claimed_until=None) | Q(claimed_until__lte=now)
        with transaction.atomic():
            alert = (
                self.select_for_update(skip_locked=True)
                .filter(free, sent_at=None, not_before__lte=now)
                .order_by("not_before", "pk")
                .first()
            )
            if alert is None:
                return None
            alert.claimed_until = now + _CLAIM
            alert.attempt_count += 1
            alert.save(update_fields=["claimed_until", "attempt_count"])
        return alert


class Alert(models.Model):
    """`occasion` is the day of a daily one, or what made one at once necessary."""

    class Kind(models.TextChoices):
        DAILY = "daily", _("daily")
        URGENT = "urgent", _("at once")

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=10, choices=Kind)
    occasion = models.CharField(max_length=100)
    recipients = models.JSONField(default=list)
    subject = models.CharField(max_length=300)
    # Each a `sync.engine.alert.troubles.Trouble`, with "state": new, still or solved.
    causes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    not_before = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    attempt_count = models.PositiveIntegerField(_("tries"), default=0)
    sent_at = models.DateTimeField(_("sent"), null=True)
    error = models.CharField(max_length=500, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "occasion"], name="alert_once_an_occasion"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("daily", "urgent")), name="alert_kind_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["not_before"], condition=Q(sent_at=None), name="alert_to_send"
            )
        ]

    def __str__(self) -> str:
        return self.subject

    def note_sent(self, now: datetime) -> None:
        Alert.objects.filter(pk=self.pk).update(
            sent_at=now, claimed_until=None, error=""
        )

    def note_failure(self, now: datetime, error: str) -> None:
        """Not sent: again after a minute, two, four … an hour at most."""
        wait = min(
            timedelta(minutes=2 ** min(self.attempt_count - 1, 6)), _LONGEST_WAIT
        )
        Alert.objects.filter(pk=self.pk, sent_at=None).update(
            error=error[:500], claimed_until=None, not_before=now + wait
        )
