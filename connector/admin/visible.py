"""Rows of tenants that a person may see: in lists, pages, filters and typed addresses.

Who may see what is decided by the querysets' `visible_to`; this brings it to wherever
the admin asks for rows.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from unfold.contrib.filters.admin import RelatedDropdownFilter

from connector.models import Tenant
from connector.models.access import is_limited


class VisibleOnly:
    """For an admin whose querysets have `visible_to`. What is not visible is not there,
    so that nobody learns from the answer that it exists."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)  # type: ignore[misc]
        return rows.visible_to(request.user)  # type: ignore[no-any-return]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Raises `Http404`; Django would send the person to the first page."""
        row = super().get_object(request, object_id, from_field)  # type: ignore[misc]
        if row is None:
            raise Http404
        return row


class VisibleTenants(VisibleOnly):
    """Whoever is limited to some tenants adds none: they would not see it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        may_add: bool = super().has_add_permission(request)  # type: ignore[misc]
        return may_add and not is_limited(request.user)


class TenantFilter(RelatedDropdownFilter):
    """Offers those tenants only that the person may see."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: Any
    ) -> list[tuple[Any, str]]:
        tenants = Tenant.objects.visible_to(request.user)
        return [(tenant.pk, str(tenant)) for tenant in tenants]


def find_tenant(request: HttpRequest, tenant_id: int | str, *parts: str) -> Tenant:
    """The tenant, with its `parts`. Raises `Http404` unless it is visible."""
    tenants = Tenant.objects.visible_to(request.user).select_related(*parts)
    tenant = tenants.filter(pk=tenant_id).first()
    if tenant is None:
        raise Http404
    return tenant
