"""The Transaction settings on a tenant's page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from connector.admin.forms.settings import TransactionSettingsForm
from connector.admin.inlines import OnePartInline
from connector.models import TransactionSettings


class TransactionSettingsInline(OnePartInline):
    model = TransactionSettings
    form = TransactionSettingsForm
    tab = True
    template_before = "admin/connector/tenant/settings_before.html"
    fieldsets = (
        ("Which days", {"fields": (("start_date", "end_date"),)}),
        (
            "Where to",
            {
                "fields": (
                    "company_code",
                    "source_uuid",
                    "document_type_uuid",
                    "vendor_code",
                )
            },
        ),
        (
            "Which purchases",
            {
                "fields": (
                    "approved_only",
                    "attachments_only",
                    "unusable_receipts",
                    "refunds",
                )
            },
        ),
        (
            "How they are sent",
            {"fields": ("invoice_date", "after_lost_answer", "max_file_bytes")},
        ),
    )

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj and obj.transactions_or_none else 1
