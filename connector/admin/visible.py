"""Rows of tenants that a person may see: in lists, pages, filters and typed addresses.

Who may see what is decided by the querysets' `visible_to`; this brings it to wherever
the admin asks for rows.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter

from connector.models import Tenant

Row = TypeVar("Row", bound=Model)
_PATTERNS = ("__regex", "__iregex", "__search", "__contains", "__icontains")


class TypedAdmin(ModelAdmin):
    """For all models: an address that asks for what no database can look for is
    answered with the whole list and a sentence."""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Raises `IncorrectLookupParameters`, upon which Django shows the whole list;
        it then says that it does."""
        try:
            return super().get_changelist_instance(request)
        except (DataError, IncorrectLookupParameters) as error:
            if ERROR_FLAG not in request.GET:
                messages.error(
                    request,
                    "The filter in this address is not valid, so the whole list is "
                    "shown. Choose one under Filters.",
                )
            raise IncorrectLookupParameters from error

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Patterns are none that filters ask for, and can keep a database busy."""
        if lookup.endswith(_PATTERNS):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        return super().get_object(request, object_id, from_field or None)


class VisibleAdmin(TypedAdmin):
    """For models whose querysets have `visible_to`. What is not visible is not there,
    so that nobody learns from the answer that it exists."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).visible_to(request.user)
        return rows

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Raises `Http404`; Django would send the person to the first page."""
        row = super().get_object(request, object_id, from_field)
        if row is None:
            raise Http404
        return row


class TenantFilter(RelatedDropdownFilter):
    """Offers those tenants only that the person may see."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: Any
    ) -> list[tuple[Any, str]]:
        tenants = Tenant.objects.visible_to(request.user)
        return [(tenant.pk, str(tenant)) for tenant in tenants]


def find_row(
    request: HttpRequest, model: type[Row], row_id: int | str, *parts: str
) -> Row:
    """The row with its `parts`. Raises `Http404` unless it is there and visible."""
    rows: Any = model._default_manager
    rows = rows.visible_to(request.user)
    if parts:
        rows = rows.select_related(*parts)
    try:
        row: Row = rows.get(pk=row_id)
    except (ObjectDoesNotExist, ValueError, OverflowError) as error:
        raise Http404 from error
    return row
