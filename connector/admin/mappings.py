"""The six field mappings on a tenant's page."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest
from unfold.admin import TabularInline

from connector.admin.forms.mappings import FieldMappingForm, FieldMappingFormSet
from connector.models import Field, FieldMapping, Tenant


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


def in_order(rows: QuerySet[FieldMapping]) -> QuerySet[FieldMapping]:
    places = [When(field=field, then=Value(place)) for place, field in enumerate(Field)]
    return rows.order_by(Case(*places))
