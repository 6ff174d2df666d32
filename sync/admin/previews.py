"""Previews in the admin (F23): the list of them, and the page of each.

They are asked for on a tenant's page, by `sync.admin.tenant.preview`; what a preview
holds is `sync.engine.preview.previews`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from audit.models import Entry
from audit.recording import record
from connector.admin.moments import minute
from connector.admin.page import get_only, route, row_page
from connector.admin.visible import TenantFilter
from connector.models.recorded import whose
from sync.admin.days import days
from sync.admin.lists.export import csv_answer
from sync.admin.lists.paging import BoundedPaginator
from sync.admin.lists.readonly import ReadOnlyAdmin
from sync.admin.lists.tables import PREVIEWED
from sync.admin.wording import (
    PURCHASE_COLOURS,
    folded,
    line_table,
    pretty,
    reason_list,
    tenant_link,
)
from sync.engine.preview.comparing import compare_with_run
from sync.models import Preview, PreviewedPurchase, Status
from sync.money import Currencies, money

PREVIEW_COLOURS = {
    Preview.State.QUEUED: "default",
    Preview.State.RUNNING: "info",
    Preview.State.DONE: "success",
    Preview.State.FAILED: "danger",
}
PAGE_SIZE = 50
_MOST_DEVIATIONS = 100
_TITLES = {
    Status.PENDING: "would be sent",
    Status.BLOCKED: "blocked",
    Status.SKIPPED: "left out",
    Status.POSTING: "being sent",
    Status.POSTED: "in CMiC, marker to be written",
    Status.FAILED: "refused by CMiC",
    Status.COMPLETED: "in CMiC already",
}


@admin.register(Preview)
class PreviewAdmin(ReadOnlyAdmin):
    list_display = ("number", "tenant", "state_label", "window", "asked", "by")
    list_filter = (("tenant", TenantFilter), ("state", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("tenant", "asked_by")
    list_per_page = 50
    ordering = ("-pk",)
    sortable_by = ("number",)
    paginator = BoundedPaginator
    show_full_result_count = False
    search_fields = ("tenant__name", "tenant__slug")
    fields = ("tenant_link", "window", "asked", "by")
    readonly_fields = fields
    change_form_outer_before_template = "admin/sync/preview.html"

    class Media:
        js = ("sync/progress.js",)

    def get_urls(self) -> list[URLPattern]:
        return [
            route(self, "<int:object_id>/progress/", progress_page, "progress"),
            route(self, "<int:object_id>/csv/", csv_page, "csv"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        preview: Preview = kwargs["obj"]
        context.update(_panel(preview))
        if preview.state == Preview.State.DONE:
            context.update(_shown(preview, context["parts"], request))
            context["comparison"] = _compared(preview)
        page: HttpResponse = super().render_change_form(request, context, **kwargs)
        return page

    @admin.display(description="Preview", ordering="pk")
    def number(self, preview: Preview) -> str:
        return f"Preview {preview.pk}"

    @display(description="State", label=PREVIEW_COLOURS)
    def state_label(self, preview: Preview) -> tuple[str, str]:
        return preview.state, preview.get_state_display()

    @admin.display(description="Days covered")
    def window(self, preview: Preview) -> str:
        return days(preview.window)

    @admin.display(description="Asked for")
    def asked(self, preview: Preview) -> str:
        return minute(preview.created_at)

    @admin.display(description="By")
    def by(self, preview: Preview) -> str:
        return whose(preview, "asked_by")

    @admin.display(description="Tenant")
    def tenant_link(self, preview: Preview) -> str:
        return tenant_link(preview.tenant)


@row_page("view")
def progress_page(
    model_admin: ModelAdmin[Preview], request: HttpRequest, preview: Preview
) -> HttpResponse:
    context = _panel(preview)
    return JsonResponse(
        {
            "is_active": preview.is_active,
            "announcement": context["summary"],
            "html": render_to_string("admin/sync/preview_panel.html", context),
        }
    )


@row_page("view")
@get_only
def csv_page(
    model_admin: ModelAdmin[Preview], request: HttpRequest, preview: Preview
) -> HttpResponseBase:
    sentence = f"{preview} was exported as CSV."
    record(Entry.Kind.EXPORT, sentence, tenant=preview.tenant)
    rows = preview.purchases.select_related("preview").defer("invoice")
    cells = PREVIEWED.rows(rows.iterator(chunk_size=1000))
    return csv_answer(PREVIEWED, cells, f"preview-{preview.pk}.csv")


def _panel(preview: Preview) -> dict[str, Any]:
    unmade = {
        Preview.State.QUEUED: "It waits for a worker.",
        Preview.State.RUNNING: "It lists the purchases in PEX and checks their codes.",
        Preview.State.FAILED: "It could not be made.",
    }
    state = Preview.State(preview.state)
    parts = _parts(preview) if state == Preview.State.DONE else {}
    return {
        "preview": preview,
        "colour": PREVIEW_COLOURS[state],
        "summary": unmade.get(state) or _summary(preview, parts),
        "parts": parts,
    }


def _parts(preview: Preview) -> dict[str, tuple[int, Any]]:
    """Number and amount of its purchases, by status."""
    rows: QuerySet[PreviewedPurchase] = preview.purchases.order_by()
    found = rows.values_list("status").annotate(Count("pk"), Sum("amount"))
    return {status: (count, amount) for status, count, amount in found}


def _summary(preview: Preview, counts: dict[str, tuple[int, Any]]) -> str:
    """“Execute would now send 41 purchases over 12,345.67 USD; 7 are blocked …”"""
    count, amount = counts.get(Status.PENDING, (0, None))
    purchases = "1 purchase" if count == 1 else f"{count:,} purchases"
    over = f" over {money(amount, Currencies().of_tenant(preview.tenant_id))}"
    at = minute(preview.ended_at) if preview.ended_at else ""
    others = [
        f"{counts[status][0]:,} {title}"
        for status, title in _TITLES.items()
        if status != Status.PENDING and status in counts
    ]
    rest = f" The others: {', '.join(others)}." if others else ""
    sent = f"{purchases}{over}" if count else "nothing"
    return f"On {at} Execute would have sent {sent}.{rest}"


def _shown(
    preview: Preview, counts: dict[str, tuple[int, Any]], request: HttpRequest
) -> dict[str, Any]:
    """A page of its purchases, of one status if one is chosen."""
    chosen = request.GET.get("show", "")
    if chosen not in counts:
        chosen = next((each for each in _TITLES if each in counts), "")
    pages = Paginator(preview.purchases.filter(status=chosen), PAGE_SIZE)
    page = pages.get_page(request.GET.get("page"))
    currency = Currencies().of_tenant(preview.tenant_id)
    return {
        "tiles": [
            (counts[status][0], title, f"?{urlencode({'show': status})}", status)
            for status, title in _TITLES.items()
            if status in counts
        ],
        "chosen": chosen,
        "rows": [_row(each, currency) for each in page],
        "page": page,
        "csv_url": reverse("admin:sync_preview_csv", args=[preview.pk]),
    }


def _row(row: PreviewedPurchase, currency: str) -> dict[str, Any]:
    return {
        "purchase": row,
        "colour": PURCHASE_COLOURS[Status(row.status)],
        "amount": money(row.amount, currency),
        "when": minute(row.occurred_at) if row.occurred_at else "",
        "lines": line_table(row.lines),
        "reasons": reason_list(row.reasons),
        "invoice": folded("The whole invoice", pretty(row.invoice))
        if row.invoice
        else "",
    }


def _compared(preview: Preview) -> dict[str, Any] | None:
    found = compare_with_run(preview)
    if found is None:
        return None
    if found.same == found.previewed and not found.deviations:
        words = (
            f"sent just what was previewed: {found.same} of {found.previewed}."
            if found.previewed
            else "sent nothing, as was previewed."
        )
    else:
        words = f"sent {found.same} of {found.previewed} just as previewed."
    return {
        "run": found.run,
        "words": words,
        "is_same": not found.deviations,
        "deviations": found.deviations[:_MOST_DEVIATIONS],
        "more": max(0, len(found.deviations) - _MOST_DEVIATIONS),
    }
