"""CredentialsChange: that somebody changed how PEX or CMiC is reached, never to what.

Written whenever a connection is saved with other credentials, whoever saves it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models.signals import pre_save
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
