"""Alerts: what was mailed about each tenant, and what waits and why. Read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from connector.admin.moments import minute
from connector.admin.visible import TenantFilter
from sync.admin.lists.readonly import ReadOnlyAdmin
from sync.admin.wording import tenant_link
from sync.models import Alert


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ("subject", "tenant", "state", "kind", "written", "left", "error")
    list_filter = (("tenant", TenantFilter), ("kind", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("tenant",)
    list_per_page = 50
    ordering = ("-pk",)
    search_fields = ("tenant__name", "tenant__slug", "subject")
    fields = (
        "tenant_link",
        "subject",
        "state",
        "kind",
        "addresses",
        "causes_told",
        "written",
        "left",
        "next_try",
        "attempt_count",
        "error",
    )
    readonly_fields = fields

    @display(
        description="State",
        label={"sent": "success", "waits": "info", "hangs": "danger"},
    )
    def state(self, alert: Any) -> tuple[str, str]:
        if alert.sent_at is not None:
            return "sent", "sent"
        if alert.error:
            return "hangs", "not sent yet"
        return "waits", "waits"

    @admin.display(description="Tenant")
    def tenant_link(self, alert: Any) -> SafeString:
        return tenant_link(alert.tenant)

    @admin.display(description="Written", ordering="created_at")
    def written(self, alert: Any) -> str:
        return minute(alert.created_at)

    @admin.display(description="Sent", ordering="sent_at")
    def left(self, alert: Any) -> str:
        return minute(alert.sent_at) if alert.sent_at else ""

    @admin.display(description="Next try")
    def next_try(self, alert: Any) -> str:
        return "" if alert.sent_at else minute(alert.not_before)

    @admin.display(description="To")
    def addresses(self, alert: Any) -> str:
        return ", ".join(alert.recipients)

    @admin.display(description="Says")
    def causes_told(self, alert: Any) -> SafeString:
        return format_html_join(
            "",
            "<p>{}: <strong>{}</strong> {} {}</p>",
            (
                (each["state"], each["title"], each["count"] or "", each["detail"])
                for each in alert.causes
            ),
        )
