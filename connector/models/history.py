"""CredentialsChange: that somebody changed how PEX or CMiC is reached, never to what.
Deed: what somebody whose account is gone did with a tenant.

The first is written whenever a connection is saved with other credentials, whoever
saves it; the second when an account is deleted, with which Django's log of it goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import models
from django.db.models.signals import pre_delete, pre_save
from django.dispatch import receiver

from connector.models.connections import CmicConnection, Connection, PexConnection
from connector.models.recorded import person_name
from connector.models.tenant import Tenant


class CredentialsChange(models.Model):
    """`fields` are the names of what changed, as people read them."""

    class System(models.TextChoices):
        PEX = "pex", "PEX"
        CMIC = "cmic", "CMiC"

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="credentials_changes"
    )
    system = models.CharField(max_length=10, choices=System)
    fields = models.JSONField()
    by = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(system__in=("pex", "cmic")),
                name="credentials_change_system_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_system_display()} credentials: {', '.join(self.fields)}"


@receiver(pre_save, sender=PexConnection)
@receiver(pre_save, sender=CmicConnection)
def note_credentials(
    sender: type[Connection],
    instance: Any,
    update_fields: Iterable[str] | None,
    **signal: Any,
) -> None:
    """Compares with what is stored; names of fields are kept, and no values."""
    names = sender.CREDENTIALS
    if update_fields is not None:
        names = tuple(name for name in names if name in update_fields)
    if not names:
        return
    stored = sender._default_manager.filter(pk=instance.pk).first() or sender()
    if getattr(stored, "business_id", None) is not None:
        # The first one follows from the token, another one was confirmed by a person.
        names = (*names, "business_id")
    changed = [
        str(instance._meta.get_field(name).verbose_name)
        for name in names
        if getattr(stored, name) != getattr(instance, name)
    ]
    if changed:
        CredentialsChange.objects.create(
            tenant_id=instance.tenant_id,
            system=sender.SYSTEM,
            fields=changed,
            by=person_name(),
        )


class Deed(models.Model):
    """A line of the admin's log, with the name of whoever did it."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="deeds")
    by = models.CharField(max_length=150)
    at = models.DateTimeField()
    sentence = models.TextField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.by}: {self.sentence}"


@receiver(pre_delete, sender=settings.AUTH_USER_MODEL)
def keep_deeds(instance: Any, **signal: Any) -> None:
    tenants = {str(pk): pk for pk in Tenant.objects.values_list("pk", flat=True)}
    Deed.objects.bulk_create(
        Deed(
            tenant_id=tenants[str(each.object_id)],
            by=instance.get_username(),
            at=each.action_time,
            sentence=each.change_message,
        )
        for each in deeds_in_log().filter(user=instance, object_id__in=tenants)
    )


def deeds_in_log() -> models.QuerySet[LogEntry]:
    """What the admin logged of tenants in our words; its own are lists in JSON."""
    return (
        LogEntry.objects.filter(content_type__app_label="connector")
        .filter(content_type__model="tenant")
        .exclude(change_message__startswith="[")
        .exclude(change_message="")
    )
