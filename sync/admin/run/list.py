"""Runs: what each covered and how it went, and live while one is active."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Case, Count, OuterRef, QuerySet, Subquery, When
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from connector import clock
from connector.admin.moments import minute, second
from connector.admin.page import route
from connector.admin.visible import TenantFilter
from sync.admin.lists.export import ExportAdmin
from sync.admin.lists.paging import BoundedPaginator
from sync.admin.lists.readonly import is_id
from sync.admin.lists.tables import RUNS
from sync.admin.purchase.filters import BusinessDayFilter
from sync.admin.run.progress import counts_in_words, panel_context, progress_page
from sync.admin.run.stop import stop_run
from sync.admin.wording import RUN_COLOURS, duration, starter, tenant_link
from sync.models import PurchaseSync, Status, SyncRun


@admin.register(SyncRun)
class SyncRunAdmin(ExportAdmin):
    table = RUNS
    list_display = (
        "number",
        "tenant",
        "status_label",
        "how",
        "window",
        "summary",
        "started",
        "took",
    )
    list_filter = (
        ("tenant", TenantFilter),
        ("status", ChoicesDropdownFilter),
        ("trigger", ChoicesDropdownFilter),
        ("created_at", BusinessDayFilter),
    )
    list_filter_submit = True
    list_select_related = ("tenant", "started_by")
    list_per_page = 50
    ordering = ("-pk",)
    sortable_by = ("number",)
    paginator = BoundedPaginator
    show_full_result_count = False
    search_fields = ("tenant__name", "tenant__slug")
    search_help_text = "Number of the run, or its tenant"
    # Whatever changes while a run is active is in the panel above.
    fields = ("tenant_link", "how", "window", "asked_for")
    readonly_fields = fields
    change_form_outer_before_template = "admin/sync/run_progress.html"

    actions_detail = ("stop_run",)

    class Media:
        js = ("sync/progress.js",)

    stop_run = stop_run

    def has_stop_permission(
        self, request: HttpRequest, object_id: str | int | None = None
    ) -> bool:
        return request.user.has_perm("sync.execute_sync")

    def get_actions_detail(
        self, request: HttpRequest, object_id: str | int
    ) -> list[Any]:
        """Only what runs can be stopped."""
        offered: list[Any] = super().get_actions_detail(request, object_id)
        active = SyncRun.objects.active()
        is_active = is_id(object_id) and active.filter(pk=object_id).exists()
        return offered if is_active else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncRun]:
        """Purchases are counted for active runs only; ended ones have their counts."""
        mine = PurchaseSync.objects.filter(run=OuterRef("pk")).order_by()
        done = mine.filter(status=Status.COMPLETED)
        rows: QuerySet[SyncRun] = super().get_queryset(request)
        return rows.annotate(
            seen_now=Case(When(status__in=SyncRun.ACTIVE, then=_count(mine))),
            completed_now=Case(When(status__in=SyncRun.ACTIVE, then=_count(done))),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A number is the run's own."""
        number = search_term.strip().lower().removeprefix("run").strip()
        if is_id(number):
            return queryset.filter(pk=number), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(
            request, queryset, search_term
        )
        return found

    def get_urls(self) -> list[URLPattern]:
        progress = route(self, "<int:object_id>/progress/", progress_page, "progress")
        return [progress, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        context.update(panel_context(kwargs["obj"], request.user))
        page: HttpResponse = super().render_change_form(request, context, **kwargs)
        return page

    @admin.display(description="Run", ordering="pk")
    def number(self, run: SyncRun) -> str:
        return f"Run {run.pk}"

    @display(description="Status", ordering="status", label=RUN_COLOURS)
    def status_label(self, run: SyncRun) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @admin.display(description="Started by")
    def how(self, run: SyncRun) -> str:
        return starter(run)

    @admin.display(description="Days covered")
    def window(self, run: SyncRun) -> SafeString:
        return format_html(
            '<span class="connector-day">{}</span> to '
            '<span class="connector-day">{}</span>',
            run.window_from.isoformat(),
            run.window_to.isoformat(),
        )

    @admin.display(description="Purchases")
    def summary(self, run: SyncRun) -> str:
        if run.is_active:
            seen = getattr(run, "seen_now", None) or 0
            done = getattr(run, "completed_now", None) or 0
            return f"{done} of {seen} in CMiC so far" if seen else ""
        return counts_in_words(run.counts) or "none"

    @admin.display(description="Started", ordering="created_at")
    def started(self, run: SyncRun) -> str:
        return minute(run.started_at or run.created_at)

    @admin.display(description="Asked for")
    def asked_for(self, run: SyncRun) -> str:
        return second(run.created_at)

    @admin.display(description="Took")
    def took(self, run: SyncRun) -> str:
        if run.started_at is None:
            return ""
        return duration((run.ended_at or clock.now()) - run.started_at)

    @admin.display(description="Tenant")
    def tenant_link(self, run: SyncRun) -> SafeString:
        return tenant_link(run.tenant)


def _count(rows: QuerySet[PurchaseSync]) -> Subquery:
    return Subquery(rows.values("run").annotate(count=Count("pk")).values("count"))
