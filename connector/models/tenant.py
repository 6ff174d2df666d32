"""The tenant: one customer, that is one PEX business and one CMiC company."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from connector.contacts import validate_contacts
from connector.models.access import visible
from connector.models.recorded import record_history

MAPPING_COUNT = 6


class TenantQuerySet(models.QuerySet["Tenant"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> TenantQuerySet:
        """Those that the person may see."""
        return visible(self, user, "pk")


class Tenant(models.Model):
    """One customer. Its connections, settings and mappings hang on it."""

    slug = models.SlugField(
        unique=True, help_text=_("Short name for commands and addresses.")
    )
    name = models.CharField(max_length=200)
    auto_sync = models.BooleanField(
        _("auto-sync"),
        default=False,
        help_text=_("Sync every 24 hours without anybody pressing Execute."),
    )
    dependent_options = models.BooleanField(
        default=False,
        help_text=_("Keep PEX's tag filters so that a job shows only its cost codes."),
    )
    alert_contacts = models.TextField(
        _("alerts go to"),
        blank=True,
        default="",
        max_length=4000,
        validators=[validate_contacts],
        help_text=_("Mail addresses, one a line. Support gets every alert as well."),
    )
    next_auto_sync_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()
    history = record_history("next_auto_sync_at", "created_at", "updated_at")

    class Meta:
        ordering = ["name"]
        indexes = [
            models.Index(
                fields=["next_auto_sync_at"],
                condition=Q(auto_sync=True),
                name="tenant_due_for_auto_sync",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def missing_settings(self) -> list[str]:
        """What a person must still fill in before a sync can run, as sentences."""
        missing: list[str] = []
        for relation, sentence in (
            ("pex", "The PEX connection is missing."),
            ("cmic", "The CMiC connection is missing."),
            ("transactions", "The transaction settings are missing."),
        ):
            part = getattr(self, relation, None)
            missing += [sentence] if part is None else part.missing_settings()
        return missing + list(self.missing_mappings().values())

    def missing_mappings(self) -> dict[str, str]:
        """A sentence for each field that is mapped to nothing.

        A department has no third code, so with type G its row may stay empty. Rows that
        are not there at all have one sentence, under no field.
        """
        rows = list(self.mappings.all())
        is_department = any(row.is_type_department for row in rows)
        empty = {
            str(row.field): f"The mapping of {row.get_field_display()} has neither a "
            "value nor a tag."
            for row in rows
            if not row.is_set and not (is_department and row.is_third_code)
        }
        if len(rows) < MAPPING_COUNT:
            empty[""] = "Some of the six field mappings are missing."
        return empty
