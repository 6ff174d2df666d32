"""The audit list: one row for each thing that somebody did, never changed again.

The database holds that too: a trigger refuses every UPDATE, and a DELETE of what
`audit.pruning` does not name as too old.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

from connector.models.access import visible


class EntryQuerySet(models.QuerySet["Entry"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> EntryQuerySet:
        """Who sees only some tenants sees what was done with those."""
        return visible(self, user)


class Entry(models.Model):
    """The keys have no constraint: what a row points to may go, and the row stays as it
    is, with the names of then."""

    class Kind(models.TextChoices):
        LOGIN = "login", "login"
        FAILED_LOGIN = "failed_login", "failed login"
        LOCK_OUT = "lock_out", "lock-out"
        UNLOCK = "unlock", "unlocking"
        LOGOUT = "logout", "log-out"
        PASSWORD = "password", "password"
        RIGHTS = "rights", "rights"
        EXPORT = "export", "export"
        DOCUMENT = "document", "document"

    at = models.DateTimeField("moment", db_index=True, editable=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    person_name = models.CharField("person", max_length=150, blank=True)
    tenant = models.ForeignKey(
        "connector.Tenant",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    tenant_name = models.CharField("tenant", max_length=200, blank=True)
    # Of the client, as `audit.client` finds it; empty for a command.
    address = models.CharField(max_length=45, blank=True)
    sentence = models.TextField("what happened")

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["kind", "id"], name="audit_by_kind"),
            models.Index(fields=["person", "id"], name="audit_by_person"),
            models.Index(fields=["tenant", "id"], name="audit_by_tenant"),
        ]

    def __str__(self) -> str:
        return f"Entry {self.pk}"
