"""Purchases: the list of them, with filters and search that millions do not slow down.

Their page is `sync.admin.purchase.page`; what serves each filter is an index of
`sync.models.purchase.indexes`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from connector.admin.moments import minute
from connector.admin.visible import TenantFilter
from sync.admin import causes
from sync.admin.lists.paging import BoundedPaginator
from sync.admin.lists.readonly import is_id
from sync.admin.lists.tables import PURCHASES
from sync.admin.purchase import choosing, receipts
from sync.admin.purchase.decisions import VERBS, applies, for_one, for_several
from sync.admin.purchase.filters import (
    AmountFilter,
    BusinessDayFilter,
    CardholderFilter,
    CauseFilter,
    JobFilter,
    ReasonFilter,
    RunFilter,
    words_query,
)
from sync.admin.purchase.page import PurchasePage
from sync.admin.wording import PURCHASE_COLOURS, first_reason
from sync.models import Decision, PurchaseSync
from sync.models.purchase.indexes import words
from sync.money import Currencies, money

_AMOUNT = re.compile(r"\$?(-?[\d,]{1,12}\.\d\d)", re.ASCII)


class PurchaseChangeList(ChangeList):
    """Gives each shown row its currency, in two queries for all of them."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        shown = list(self.result_list)
        currencies = Currencies(row.tenant_id for row in shown)
        for row in shown:
            row.currency = currencies.of(row)
        self.result_list = shown


@admin.register(PurchaseSync)
class PurchaseSyncAdmin(PurchasePage):
    table = PURCHASES
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
        JobFilter,
        CardholderFilter,
        ("amount", AmountFilter),
        RunFilter,
        CauseFilter,
    )
    list_filter_submit = True
    list_select_related = ("tenant",)
    list_per_page = 50
    ordering = ("-occurred_at", "-pk")
    # Others would have to be read whole to be sorted.
    sortable_by = ("transaction", "occurred", "amount_right")
    paginator = BoundedPaginator
    show_full_result_count = False
    list_fullwidth = True
    search_fields = ("invoice_number",)
    search_help_text = (
        "Transaction, invoice number, amount, or how words of merchant and cardholder "
        "begin"
    )

    actions_detail = tuple(VERBS)
    actions = tuple(f"{verb}_selected" for verb in VERBS)

    class Media:
        js = ("sync/receipts.js",)

    it_is_there = for_one(Decision.Kind.IS_THERE, "task_alt")
    send_again = for_one(Decision.Kind.SEND_AGAIN, "forward_to_inbox")
    retry = for_one(Decision.Kind.RETRY, "replay")
    mark_as_synced = for_one(Decision.Kind.MARK_SYNCED, "bookmark_added")
    marker_written = for_one(Decision.Kind.MARKER_WRITTEN, "edit_note")
    leave_without_marker = for_one(Decision.Kind.NO_MARKER, "bookmark_remove")
    it_is_there_selected = for_several(Decision.Kind.IS_THERE)
    send_again_selected = for_several(Decision.Kind.SEND_AGAIN)
    retry_selected = for_several(Decision.Kind.RETRY)
    mark_as_synced_selected = for_several(Decision.Kind.MARK_SYNCED)
    marker_written_selected = for_several(Decision.Kind.MARKER_WRITTEN)
    leave_without_marker_selected = for_several(Decision.Kind.NO_MARKER)

    def get_urls(self) -> list[URLPattern]:
        own = (*causes.urls(self), *receipts.urls(self), *choosing.urls(self))
        return [*own, *super().get_urls()]

    def has_decide_permission(
        self, request: HttpRequest, object_id: str | int | None = None
    ) -> bool:
        return request.user.has_perm("sync.decide_purchase")

    def has_download_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and receipts.may_download(request)

    def get_actions_detail(
        self, request: HttpRequest, object_id: str | int
    ) -> list[Any]:
        """The decisions that apply to the purchase."""
        rows = self.get_queryset(request)
        row = rows.filter(pk=object_id).first() if is_id(object_id) else None
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if row and applies(VERBS[each.path], row)]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PurchaseChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A transaction's number, how an invoice's begins, an amount, or words."""
        term = search_term.strip()
        if not term:
            return queryset, False
        number = term.upper().replace(" ", "")
        found = Q(invoice_number__startswith=number) & ~Q(invoice_number="")
        digits = number.removeprefix("PEX").removeprefix("-")
        if is_id(digits):
            found |= Q(pex_transaction_id=int(digits))
        if amount := _AMOUNT.fullmatch(number):
            found |= Q(amount=Decimal(amount[1].replace(",", "")))
        if query := words_query(term):
            queryset = queryset.alias(words=words())
            found |= Q(words=SearchQuery(query, config="simple", search_type="raw"))
        return queryset.filter(found), False

    @admin.display(description="When", ordering="occurred_at")
    def occurred(self, purchase: PurchaseSync) -> str:
        return minute(purchase.occurred_at) if purchase.occurred_at else ""

    @display(description="Merchant and cardholder", header=True)
    def merchant_and_cardholder(self, purchase: PurchaseSync) -> tuple[str, str]:
        return purchase.merchant, purchase.cardholder

    @admin.display(description="Amount", ordering="amount")
    def amount_right(self, purchase: Any) -> SafeString:
        return format_html(
            '<span class="connector-number">{}</span>',
            money(purchase.amount, purchase.currency),
        )

    @display(description="Status", label=PURCHASE_COLOURS)
    def status_label(self, purchase: PurchaseSync) -> tuple[str, str]:
        return purchase.status, purchase.get_status_display()

    @admin.display(description="Reason")
    def reason(self, purchase: PurchaseSync) -> str:
        return first_reason(purchase.reasons)
