"""Purchases: each one's way into CMiC, its reasons in words and every attempt."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from connector.admin.states import minute, second
from connector.admin.visible import TenantFilter, VisibleOnly
from sync.admin.decisions import DecisionsPart
from sync.admin.filters import BusinessDayFilter, ReasonFilter, RunFilter
from sync.admin.readonly import ReadOnly
from sync.admin.receipts import ReceiptsPart, document_words
from sync.admin.wording import (
    ATTEMPT_COLOURS,
    NO_REASONS,
    PURCHASE_COLOURS,
    first_reason,
    folded,
    label,
    line_table,
    money,
    pretty,
    reason_list,
)
from sync.models import PurchaseSync, Status, SyncAttempt

_LONGEST_ID = 18  # digits that certainly fit PostgreSQL's bigint


def _moment(name: str, title: str) -> Any:
    """A column in the business zone, written as everywhere else."""

    @admin.display(description=title, ordering=name)
    def show(_admin: object, purchase: PurchaseSync) -> str:
        moment = getattr(purchase, name)
        return minute(moment) if moment else ""

    return show


class AttemptInline(ReadOnly, TabularInline):
    model = SyncAttempt
    verbose_name_plural = "attempts"
    extra = 0
    hide_title = True
    fields = ("outcome_label", "invoice_number", "of_run", "times", "said", "sent")
    readonly_fields = fields

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Attempts are a part of the purchase's story, not a thing of their own."""
        return request.user.has_perm("sync.view_purchasesync")

    @admin.display(description="Outcome")
    def outcome_label(self, attempt: SyncAttempt) -> SafeString:
        colour = ATTEMPT_COLOURS[SyncAttempt.Outcome(attempt.outcome)]
        return label(colour, attempt.get_outcome_display())

    @admin.display(description="Run")
    def of_run(self, attempt: SyncAttempt) -> SafeString | str:
        return _run_link(attempt.run_id)

    @admin.display(description="Begun and ended")
    def times(self, attempt: SyncAttempt) -> SafeString:
        ended = second(attempt.ended_at) if attempt.ended_at else "not ended"
        return format_html("{}<br>{}", second(attempt.started_at), ended)

    @admin.display(description="Answer")
    def said(self, attempt: SyncAttempt) -> SafeString | str:
        if attempt.answer_status is None and not attempt.answer:
            return "none"
        status = attempt.answer_status
        return folded(f"HTTP {status}" if status else "Answer", attempt.answer or "–")

    @admin.display(description="Sent")
    def sent(self, attempt: SyncAttempt) -> SafeString:
        return folded("Invoice", pretty(attempt.payload))


@admin.register(PurchaseSync)
class PurchaseSyncAdmin(DecisionsPart, ReceiptsPart, VisibleOnly, ReadOnly, ModelAdmin):
    class Media:
        js = ("sync/receipts.js",)

    list_display = (
        "transaction",
        "tenant",
        "occurred",
        "merchant_and_cardholder",
        "amount_right",
        "status_label",
        "reason",
        "invoice_number",
    )
    list_filter = (
        ("tenant", TenantFilter),
        ("status", ChoicesDropdownFilter),
        ReasonFilter,
        ("occurred_at", BusinessDayFilter),
        RunFilter,
    )
    list_filter_submit = True
    list_select_related = ("tenant",)
    list_per_page = 50
    ordering = ("-occurred_at",)
    show_full_result_count = False
    list_fullwidth = True
    search_fields = ("invoice_number", "merchant", "cardholder")
    search_help_text = "PEX transaction, invoice number, merchant or cardholder"
    inlines = (AttemptInline,)
    fieldsets = (
        (None, {"fields": ("status_words", "why", "decided", "warning_list")}),
        (
            "Purchase in PEX",
            {
                "fields": (
                    "transaction",
                    "tenant_link",
                    "merchant",
                    "cardholder",
                    "amount_words",
                    "occurred",
                    "settled",
                    "approval",
                    "has_attachments",
                )
            },
        ),
        ("Lines", {"fields": ("line_codes",)}),
        (
            "Invoice in CMiC",
            {
                "fields": (
                    "invoice_number",
                    "invoice_on",
                    "company_code",
                    "vendor_code",
                    "posting",
                    "posted",
                    "cmic_ids",
                    "document",
                )
            },
        ),
        ("Marker in PEX", {"fields": ("marker", "run_link", "updated")}),
    )
    readonly_fields = (
        "transaction",
        "tenant_link",
        "status_words",
        "why",
        "decided",
        "warning_list",
        "amount_words",
        "line_codes",
        "cmic_ids",
        "document",
        "marker",
        "run_link",
        "occurred",
        "settled",
        "posting",
        "posted",
        "updated",
    )
    occurred = _moment("occurred_at", "When")
    settled = _moment("settled_at", "Settled")
    posting = _moment("posting_at", "Sending begun")
    posted = _moment("posted_at", "In CMiC since")
    updated = _moment("updated_at", "Changed last")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A number is also looked for as a PEX transaction."""
        found, has_duplicates = super().get_search_results(
            request, queryset, search_term
        )
        number = search_term.strip()
        is_number = number.isascii() and number.isdecimal()
        if is_number and len(number) <= _LONGEST_ID:
            found |= queryset.filter(pex_transaction_id=int(number))
        return found, has_duplicates

    @admin.display(description="PEX transaction", ordering="pex_transaction_id")
    def transaction(self, purchase: PurchaseSync) -> str:
        return str(purchase.pex_transaction_id)

    @display(description="Merchant and cardholder", ordering="merchant", header=True)
    def merchant_and_cardholder(self, purchase: PurchaseSync) -> tuple[str, str]:
        return purchase.merchant, purchase.cardholder

    @admin.display(description="Amount", ordering="amount")
    def amount_right(self, purchase: PurchaseSync) -> SafeString:
        return format_html(
            '<span class="connector-number">{}</span>', money(purchase.amount)
        )

    @display(description="Status", ordering="status", label=PURCHASE_COLOURS)
    def status_label(self, purchase: PurchaseSync) -> tuple[str, str]:
        return purchase.status, purchase.get_status_display()

    @admin.display(description="Reason")
    def reason(self, purchase: PurchaseSync) -> str:
        return first_reason(purchase.reasons)

    @admin.display(description="Status")
    def status_words(self, purchase: PurchaseSync) -> SafeString:
        waits = " It waits for a person." if purchase.needs_person else ""
        later = (
            f" It goes on at {minute(purchase.not_before)}."
            if purchase.not_before
            else ""
        )
        return format_html(
            "{}{}{}",
            label(
                PURCHASE_COLOURS[Status(purchase.status)],
                purchase.get_status_display(),
            ),
            waits,
            later,
        )

    @admin.display(description="Reasons")
    def why(self, purchase: PurchaseSync) -> SafeString | str:
        none = NO_REASONS.get(Status(purchase.status), "None on record.")
        return reason_list(purchase.reasons) or none

    @admin.display(description="Decided by people")
    def decided(self, purchase: PurchaseSync) -> SafeString | str:
        decisions = (
            (
                each.get_kind_display(),
                each.decided_by,
                minute(each.decided_at),
                each.why,
            )
            for each in purchase.decisions.select_related("decided_by")
        )
        text = "<p>“{}” by {} on {}: {}</p>"
        return format_html_join("", text, decisions) or "Nothing."

    @admin.display(description="Warnings")
    def warning_list(self, purchase: PurchaseSync) -> SafeString | str:
        warnings = ((str(warning),) for warning in purchase.warnings)
        return format_html_join("", "<p>{}</p>", warnings) or "None."

    @admin.display(description="Amount")
    def amount_words(self, purchase: PurchaseSync) -> str:
        kind = " (refund or credit)" if purchase.is_refund else ""
        return f"{money(purchase.amount)}{kind}"

    @admin.display(description="Lines")
    def line_codes(self, purchase: PurchaseSync) -> SafeString:
        return line_table(purchase.lines)

    @admin.display(description="CMiC's ids")
    def cmic_ids(self, purchase: PurchaseSync) -> str:
        ids = (
            ("invoice", purchase.cmic_invoice_uuid),
            ("image", purchase.cmic_image_id),
        )
        return ", ".join(f"{name} {value}" for name, value in ids if value)

    @admin.display(description="Document")
    def document(self, purchase: PurchaseSync) -> SafeString:
        return document_words(purchase)

    @admin.display(description="Marker")
    def marker(self, purchase: PurchaseSync) -> str:
        if purchase.marker_seen_at:
            return f"Seen in PEX on {minute(purchase.marker_seen_at)}."
        if purchase.marker_written_at:
            return f"Written to PEX on {minute(purchase.marker_written_at)}."
        return "Not written yet."

    @admin.display(description="Tenant")
    def tenant_link(self, purchase: PurchaseSync) -> SafeString:
        url = reverse("admin:connector_tenant_change", args=[purchase.tenant_id])
        return format_html(
            '<a class="text-link" href="{}">{}</a>', url, purchase.tenant
        )

    @admin.display(description="Looked at last by")
    def run_link(self, purchase: PurchaseSync) -> SafeString | str:
        return _run_link(purchase.run_id)


def _run_link(run_id: int | None) -> SafeString | str:
    if run_id is None:
        return ""
    url = reverse("admin:sync_syncrun_change", args=[run_id])
    return format_html('<a class="text-link" href="{}">Run {}</a>', url, run_id)
