"""The tenant: one customer, that is one PEX business and one CMiC company."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from connector.api.cmic.types import CodeKind, LineType
from connector.contacts import validate_contacts
from connector.models.access import visible
from connector.models.invoice_fields import CODE_FIELDS, KINDS_BY_TYPE, Field
from connector.models.recorded import record_history

if TYPE_CHECKING:
    from connector.models.connections import CmicConnection, PexConnection
    from connector.models.mapping import FieldMapping
    from connector.models.settings import TransactionSettings

MAPPING_COUNT = 6


class TenantQuerySet(models.QuerySet["Tenant"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> TenantQuerySet:
        """Those that the person may see."""
        return visible(self, user, "pk")


class Tenant(models.Model):
    """One customer. Its connections, settings and mappings hang on it.

    Each `…_or_none` is what hangs on a tenant that may not be set up yet. Mappings are
    one query each time, or none where they were prefetched.
    """

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

    @property
    def pex_or_none(self) -> PexConnection | None:
        return self.pex if hasattr(self, "pex") else None

    @property
    def cmic_or_none(self) -> CmicConnection | None:
        return self.cmic if hasattr(self, "cmic") else None

    @property
    def transactions_or_none(self) -> TransactionSettings | None:
        return self.transactions if hasattr(self, "transactions") else None

    @property
    def company_code(self) -> str:
        """The CMiC company that invoices are booked in; empty until it is chosen."""
        settings = self.transactions_or_none
        return settings.company_code if settings else ""

    @property
    def line_type(self) -> LineType | None:
        """The Type Code of the mappings, None until it is chosen."""
        return _line_type(self.mappings_by_field())

    def mappings_by_field(self) -> dict[str, FieldMapping]:
        return {row.field: row for row in self.mappings.all()}

    def mapping_of(self, field: Field) -> FieldMapping | None:
        """Several fields of one tenant are cheaper by `mappings_by_field`."""
        return self.mappings_by_field().get(field)

    def code_mappings(
        self, default: LineType | None = None
    ) -> list[tuple[FieldMapping, CodeKind]]:
        """The mappings of a line's codes in their order, each with its kind of code.

        Empty until a Type Code is chosen, unless there is a `default`. Each code hangs
        on those before it: none follows a mapping that is missing.
        """
        rows = self.mappings_by_field()
        chosen = _line_type(rows) or default
        kinds = KINDS_BY_TYPE[chosen] if chosen else ()
        placed = zip(CODE_FIELDS, kinds, strict=False)
        there = takewhile(lambda each: each[0] in rows, placed)
        return [(rows[field], kind) for field, kind in there]

    def missing_settings(self) -> list[str]:
        """What a person must still fill in before a sync can run, as sentences."""
        missing: list[str] = []
        for part, sentence in (
            (self.pex_or_none, "The PEX connection is missing."),
            (self.cmic_or_none, "The CMiC connection is missing."),
            (self.transactions_or_none, "The transaction settings are missing."),
        ):
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


def _line_type(rows: dict[str, FieldMapping]) -> LineType | None:
    row = rows.get(Field.TYPE_CODE)
    value = row.static_value if row else ""
    return LineType(value) if value in list(LineType) else None
