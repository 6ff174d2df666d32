"""The parts of a tenant's page: two connections, the settings, the six mappings."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import StackedInline, TabularInline
from unfold.overrides import FORMFIELD_OVERRIDES_INLINE

from connector.admin.states import changed_sentence, cmic_sentence, pex_sentence
from connector.forms import (
    FieldMappingForm,
    FieldMappingFormSet,
    TransactionSettingsForm,
)
from connector.models import (
    CmicConnection,
    Field,
    FieldMapping,
    PexConnection,
    Tenant,
    TransactionSettings,
)

MANAGE = "Manage credentials"


class OnePartInline(StackedInline):
    """A part that each tenant has once."""

    tab = True
    hide_title = True
    can_delete = False
    extra = 1
    max_num = 1
    formfield_overrides = {
        **FORMFIELD_OVERRIDES_INLINE,
        models.URLField: {
            **FORMFIELD_OVERRIDES_INLINE[models.URLField],
            "assume_scheme": "https",
        },
    }


class ConnectionCard(OnePartInline):
    """What is known of one side, to read; its credentials have a page of their own."""

    readonly_fields = ("state", "changed", "credentials")
    fields = readonly_fields

    def get_fields(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        if self.has_change_permission(request, obj):
            return self.fields
        return [name for name in self.fields if name != "credentials"]

    @admin.display(description="Last change")
    def changed(self, connection: PexConnection | CmicConnection) -> str:
        return changed_sentence(connection)

    @admin.display(description="Credentials")
    def credentials(
        self, connection: PexConnection | CmicConnection
    ) -> SafeString | str:
        if connection.tenant_id is None:
            return "Save the tenant first; then its credentials are entered here."
        key = "pex" if isinstance(connection, PexConnection) else "cmic"
        url = reverse(
            "admin:connector_tenant_credentials", args=[connection.tenant_id, key]
        )
        return format_html('<a class="connector-button" href="{}">{}</a>', url, MANAGE)


class PexConnectionInline(ConnectionCard):
    model = PexConnection

    @admin.display(description="State")
    def state(self, connection: PexConnection) -> SafeString | str:
        if connection.pk is None:
            return "Not connected yet."
        return pex_sentence(connection)


class CmicConnectionInline(ConnectionCard):
    model = CmicConnection

    @admin.display(description="State")
    def state(self, connection: CmicConnection) -> SafeString | str:
        if connection.pk is None:
            return "Not connected yet."
        return cmic_sentence(connection)


class TransactionSettingsInline(OnePartInline):
    model = TransactionSettings
    form = TransactionSettingsForm
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "start_date",
                    "end_date",
                    "company_code",
                    "source_uuid",
                    "document_type_uuid",
                    "vendor_code",
                    "approved_only",
                    "attachments_only",
                    "invoice_date",
                    "refunds",
                    "after_lost_answer",
                    "max_file_bytes",
                )
            },
        ),
    )


class FieldMappingInline(TabularInline):
    model = FieldMapping
    form = FieldMappingForm
    formset = FieldMappingFormSet
    verbose_name_plural = "field mappings"
    tab = True
    hide_title = True
    can_delete = False
    max_num = len(Field)
    readonly_fields = ("field_name",)
    fields = (
        "field_name",
        "static_value",
        "tag",
        "default_value",
        "sync_options",
        "label",
    )

    @admin.display(description="CMiC field")
    def field_name(self, mapping: FieldMapping) -> str:
        return mapping.get_field_display() if mapping.field else ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[FieldMapping]:
        places = [
            When(field=field, then=Value(place)) for place, field in enumerate(Field)
        ]
        rows: QuerySet[FieldMapping] = super().get_queryset(request)
        return rows.order_by(Case(*places))

    def get_extra(
        self, request: HttpRequest, obj: Tenant | None = None, **kwargs: Any
    ) -> int:
        return len(Field) - (obj.mappings.count() if obj else 0)
