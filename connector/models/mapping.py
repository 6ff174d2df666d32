"""Purchase field mappings (F6): six rows, always these six; and which codes people
said that tags' values mean.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from connector import clock
from connector.api.cmic.types import CodeKind, LineType
from connector.api.code_texts import folded, oddly
from connector.models.access import visible
from connector.models.codes import KIND_CHOICES, CmicCode
from connector.models.invoice_fields import (
    CODE_FIELDS,
    SHARED_KINDS,
    STATIC_ONLY,
    Field,
    kind_of,
)
from connector.models.recorded import record_history
from connector.models.tenant import Tenant

# What keeps values out of a tag: lists with commas, as people write them, which
# `sync.rules.option_filter` reads.
OPTION_FILTERS = ("only_statuses", "only_prefixes", "excluded_codes")


class FieldMapping(models.Model):
    """Where one field's value comes from: a static value, or a tag with a default."""

    class Label(models.TextChoices):
        NAME = "name", _("name")
        CODE_NAME = "code_name", _("code – name")
        NAME_CODE = "name_code", _("name (code)")

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="mappings"
    )
    field = models.CharField(max_length=30, choices=Field)
    static_value = models.CharField(max_length=64, blank=True)
    tag = models.CharField(_("PEX tag"), max_length=200, blank=True)
    default_value = models.CharField(_("default"), max_length=64, blank=True)
    sync_options = models.BooleanField(_("sync tag"), default=False)
    label = models.CharField(max_length=10, choices=Label, default=Label.NAME)
    only_statuses = models.CharField(_("only with status"), max_length=100, blank=True)
    only_prefixes = models.CharField(
        _("only codes starting with"), max_length=200, blank=True
    )
    excluded_codes = models.TextField(_("never"), max_length=2000, blank=True)

    history = record_history()

    # The Type Code that is being saved with this row, where it is not saved yet.
    type_code: str | None = None

    class Meta:
        verbose_name = _("field mapping")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "field"], name="mapping_once_a_field"
            ),
            models.CheckConstraint(
                condition=Q(field__in=Field.values), name="mapping_field_known"
            ),
            models.CheckConstraint(
                condition=Q(static_value="") | Q(tag="", default_value=""),
                name="mapping_static_or_tag",
            ),
            models.CheckConstraint(
                condition=~Q(field__in=STATIC_ONLY) | Q(tag=""),
                name="mapping_static_only_fields",
            ),
        ]

    def __str__(self) -> str:
        if self.static_value:
            return f"{self.get_field_display()}: {self.static_value}"
        if self.tag and self.default_value:
            return (
                f"{self.get_field_display()}: tag {self.tag}, else {self.default_value}"
            )
        if self.tag:
            return f"{self.get_field_display()}: tag {self.tag}"
        return f"{self.get_field_display()}: nothing yet"

    @property
    def is_set(self) -> bool:
        return bool(self.static_value or self.tag)

    @property
    def is_type_department(self) -> bool:
        return self.field == Field.TYPE_CODE and self.static_value == "G"

    @property
    def is_third_code(self) -> bool:
        return self.field == Field.COST_TYPE_TRAN_CODE

    def filter_words(self, before: str = "") -> str:
        """Which values the tag does not offer, after `before`; empty if all are."""
        parts = [
            f"{self._meta.get_field(name).verbose_name} {getattr(self, name)}"  # type: ignore[union-attr]
            for name in OPTION_FILTERS
            if getattr(self, name)
        ]
        return f"{before}{', '.join(parts)}" if parts else ""

    def clean(self) -> None:
        super().clean()
        errors = {**self._shape_errors(), **self._tag_errors()}
        if not errors:
            errors = self._code_errors()
        if errors:
            raise ValidationError(errors)

    def _shape_errors(self) -> dict[str, str]:
        title = self.get_field_display()
        if self.tag and self.field in STATIC_ONLY:
            return {"tag": f"{title} takes a static value only."}
        if self.static_value and (self.tag or self.default_value):
            return {"static_value": "Choose a static value or a tag, not both."}
        if self.default_value and not self.tag:
            return {"default_value": "A default goes with a tag. Choose the tag first."}
        if self.field == Field.VALID_FLAG and self.static_value not in ("", "Y", "N"):
            return {"static_value": "The Valid Flag is Y or N."}
        types = [kind.value for kind in LineType]
        if self.field == Field.TYPE_CODE and self.static_value not in ("", *types):
            return {
                "static_value": "The Type Code is J (job), G (department) or "
                "E (equipment)."
            }
        return {}

    def _tag_errors(self) -> dict[str, str]:
        """Only what PEX is known not to have; before it was asked, anything goes."""
        pex = self.tenant.pex_or_none if self.tenant_id else None
        if not self.tag or pex is None or not pex.tags:
            return {}
        types = pex.tag_types()
        if self.tag not in types:
            return {"tag": f"PEX has no enabled tag “{self.tag}”."}
        if types[self.tag] != "dropdown":
            return {
                "tag": f"The tag “{self.tag}” is not a dropdown, and only a dropdown's "
                "options can be CMiC codes."
            }
        return {}

    def _code_errors(self) -> dict[str, str]:
        attribute = "static_value" if self.static_value else "default_value"
        code = self.static_value or self.default_value
        kind = self._kind()
        if not code or kind is None or not self.tenant_id:
            return {}
        company = "" if kind in SHARED_KINDS else self.tenant.company_code
        state = CmicCode.objects.state_of(self.tenant_id, kind, code, company=company)
        if state == CmicCode.State.UNKNOWN:
            return {attribute: f"CMiC has no {kind.label} “{code}”{oddly(code)}."}
        if state == CmicCode.State.INACTIVE:
            return {attribute: f"The {kind.label} “{code}” is not active in CMiC."}
        return {}

    def _kind(self) -> CodeKind | None:
        """Which of CMiC's lists the value must be in; it follows the Type Code."""
        type_code = self.type_code
        if type_code is None and self.field in CODE_FIELDS:
            type_code = self.tenant.line_type
        return kind_of(self.field, type_code or "")


class TagMeaningQuerySet(models.QuerySet["TagMeaning"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> TagMeaningQuerySet:
        """Those of tenants that the person may see."""
        return visible(self, user, "tenant")


class TagMeaning(models.Model):
    """A tag's value that is no code of CMiC's, and the code that a person said it
    means: for all purchases of the tenant, or for one of PEX's transactions.

    It holds for the company that it was chosen in, and only as long as CMiC has no code
    that is the value itself. Made and deleted, never changed.
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="tag_meanings"
    )
    company = models.CharField(_("company"), max_length=8, blank=True)
    kind = models.CharField(_("kind"), max_length=20, choices=KIND_CHOICES)
    value = models.CharField(_("value of the tag"), max_length=200)
    # As values are compared, so that there is one meaning for all that are alike.
    folded = models.CharField(max_length=400, editable=False)
    code = models.CharField(_("code in CMiC"), max_length=64)
    transaction_id = models.BigIntegerField(_("PEX transaction"), null=True, blank=True)
    # The name, which stays when the account goes.
    chosen_by = models.CharField(_("chosen by"), max_length=150)
    chosen_at = models.DateTimeField(_("chosen"), default=clock.now, editable=False)

    objects = TagMeaningQuerySet.as_manager()
    history = record_history("chosen_by", "chosen_at", "folded")

    class Meta:
        verbose_name = _("meaning of a tag's value")
        verbose_name_plural = _("meanings of tags' values")
        ordering = ["-chosen_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "company", "kind", "folded"],
                condition=Q(transaction_id=None),
                name="tag_meaning_once",
            ),
            models.UniqueConstraint(
                fields=["tenant", "company", "kind", "folded", "transaction_id"],
                condition=Q(transaction_id__isnull=False),
                name="tag_meaning_once_a_purchase",
            ),
        ]

    def save(self, *args: Any, **options: Any) -> None:
        self.folded = folded(self.value)
        super().save(*args, **options)

    def __str__(self) -> str:
        return f"“{self.value}” means the {self.get_kind_display()} {self.code}"
