"""The six field mappings on a tenant's page, and the list of what people said that
tags' values mean.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest
from unfold.admin import TabularInline

from connector.admin.forms.mappings import FieldMappingForm, FieldMappingFormSet
from connector.admin.moments import minute
from connector.admin.visible import TenantFilter, VisibleAdmin
from connector.models import Field, FieldMapping, TagMeaning, Tenant


class FieldMappingInline(TabularInline):
    """The template shows the formset's forms: always six, in the article's order."""

    model = FieldMapping
    form = FieldMappingForm
    formset = FieldMappingFormSet
    template = "admin/connector/tenant/mappings.html"
    verbose_name_plural = "field mappings"
    tab = True
    can_delete = False
    max_num = len(Field)
    fields = FieldMappingForm.Meta.fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[FieldMapping]:
        rows: QuerySet[FieldMapping] = super().get_queryset(request)
        return in_order(rows)

    def get_extra(
        self, request: HttpRequest, obj: Tenant | None = None, **kwargs: Any
    ) -> int:
        return len(Field) - (obj.mappings.count() if obj else 0)


@admin.register(TagMeaning)
class TagMeaningAdmin(VisibleAdmin):
    """Meanings are chosen where a value is blocked; here they are seen and deleted."""

    list_display = (
        "value",
        "kind",
        "code",
        "tenant",
        "holds_for",
        "chosen_by",
        "chosen",
    )
    list_filter = (("tenant", TenantFilter),)
    list_select_related = ("tenant",)
    list_per_page = 50
    search_fields = ("value", "code")
    fields = ("tenant", "company", *list_display[:3], *list_display[4:])
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Chosen", ordering="chosen_at")
    def chosen(self, meaning: TagMeaning) -> str:
        return minute(meaning.chosen_at)

    @admin.display(description="Holds for")
    def holds_for(self, meaning: TagMeaning) -> str:
        number = meaning.transaction_id
        return f"PEX transaction {number}" if number else "all purchases"


def in_order(rows: QuerySet[FieldMapping]) -> QuerySet[FieldMapping]:
    places = [When(field=field, then=Value(place)) for place, field in enumerate(Field)]
    return rows.order_by(Case(*places))
