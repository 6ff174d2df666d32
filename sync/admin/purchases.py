"""Purchases: each one's way into CMiC, its reasons in words and every attempt."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from connector.admin.states import minute
from connector.admin.visible import TenantFilter, VisibleOnly
from sync.admin.decisions import DecisionsPart
from sync.admin.filters import BusinessDayFilter, ReasonFilter, RunFilter
from sync.admin.purchase_page import PurchasePage
from sync.admin.readonly import ReadOnly
from sync.admin.receipts import ReceiptsPart
from sync.admin.wording import (
    PURCHASE_COLOURS,
    first_reason,
    money,
)
from sync.models import PurchaseSync

_LONGEST_ID = 18  # digits that certainly fit PostgreSQL's bigint


def _moment(name: str, title: str) -> Any:
    """A column in the business zone, written as everywhere else."""

    @admin.display(description=title, ordering=name)
    def show(_admin: object, purchase: PurchaseSync) -> str:
        moment = getattr(purchase, name)
        return minute(moment) if moment else ""

    return show


@admin.register(PurchaseSync)
class PurchaseSyncAdmin(
    PurchasePage, DecisionsPart, ReceiptsPart, VisibleOnly, ReadOnly, ModelAdmin
):
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
    occurred = _moment("occurred_at", "When")

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
