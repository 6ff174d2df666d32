"""The tenant as it is registered: the Connect tab's page with runs and Execute."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from connector.admin import TenantAdmin
from connector.admin.connection_words import LABEL_COLOURS, cmic_label, pex_label
from connector.admin.forms.drafts import Draft
from connector.admin.moments import minute
from connector.admin.pages.credentials import may_manage
from connector.models import Tenant
from sync.admin.days import settings_words
from sync.admin.run.progress import outcome_of
from sync.admin.tenant import auto_sync, codes, effect, execute, tags
from sync.admin.tenant.preview import preview
from sync.admin.tenant.tenant_states import StateFilter
from sync.admin.tenant.waiting import waiting_of
from sync.admin.wording import RUN_COLOURS
from sync.models import SyncRun


@admin.register(Tenant)
class SyncTenantAdmin(TenantAdmin):
    """`has_execute_permission` guards the buttons, their pages and the list action."""

    list_display = (*TenantAdmin.list_display, "last_run", "last_run_at")
    list_filter = (*TenantAdmin.list_filter, StateFilter)
    actions = ("execute_selected",)
    actions_detail = ("execute_one", "preview", TenantAdmin.more)
    change_form_outer_before_template = "admin/sync/tenant_before.html"
    change_form_after_template = "admin/sync/tenant_after.html"

    class Media:
        js: tuple[str, ...] = ("sync/progress.js", "sync/effect.js")

    execute_selected = execute.execute_selected
    execute_one = execute.execute_one
    preview = preview

    def get_urls(self) -> list[URLPattern]:
        return [
            *auto_sync.urls(self),
            *codes.urls(self),
            *effect.urls(self),
            *tags.urls(self),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        last = SyncRun.objects.filter(tenant=OuterRef("pk")).order_by(
            "-created_at", "-pk"
        )
        rows: QuerySet[Tenant] = super().get_queryset(request)
        return rows.annotate(
            last_run_id=Subquery(last.values("pk")[:1]),
            last_run_status=Subquery(last.values("status")[:1]),
            last_run_created_at=Subquery(last.values("created_at")[:1]),
        )

    def has_execute_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("sync.execute_sync") and self.has_view_permission(
            request
        )

    @display(description="Last run", label=RUN_COLOURS)
    def last_run(self, tenant: Any) -> tuple[str, str] | str:
        status = tenant.last_run_status
        return (status, str(SyncRun.State(status).label)) if status else ""

    @admin.display(description="Started", ordering="last_run_created_at")
    def last_run_at(self, tenant: Any) -> SafeString | str:
        if tenant.last_run_id is None:
            return "never"
        url = reverse("admin:sync_syncrun_change", args=[tenant.last_run_id])
        return format_html(
            '<a class="text-link" href="{}">{}</a>',
            url,
            minute(tenant.last_run_created_at),
        )

    def save_related(
        self,
        request: HttpRequest,
        form: ModelForm[Tenant],
        formsets: list[BaseInlineFormSet[Any, Any, Any]],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        codes.read_if_unread(request, Tenant.objects.get(pk=form.instance.pk))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        tenant: Tenant | None = kwargs.get("obj")
        if tenant is not None:
            runs = SyncRun.objects.filter(tenant=tenant).select_related("started_by")
            last = runs.order_by("-created_at", "-pk").first()
            context["last_run"] = last
            context["last_run_colour"] = (
                RUN_COLOURS[SyncRun.State(last.status)] if last else ""
            )
            context["settings_words"] = settings_words(tenant)
            context["tags"] = tags.tags_state(tenant)
            context["codes"] = codes.codes_of(tenant)
            context["may_refresh"] = self.has_change_permission(request, tenant)
            context["may_execute"] = self.has_execute_permission(request)
            context["outcome"] = outcome_of(last) if last else ""
            context["connections"] = _connections(tenant)
            context["disconnectable"] = [
                (key, name)
                for key, name in (("pex", "PEX"), ("cmic", "CMiC"))
                if may_manage(self, request, key) and _is_connected(tenant, key)
            ]
            if request.user.has_perm("sync.view_purchasesync"):
                context["waiting"] = waiting_of(tenant)
        return super().render_change_form(request, context, **kwargs)

    def live_words(self, draft: Draft) -> dict[str, Any]:
        words = super().live_words(draft)
        if any(draft.settings.errors.get(day) for day in ("start_date", "end_date")):
            return words
        return {**words, "settings": settings_words(draft.tenant)}


def _is_connected(tenant: Tenant, key: str) -> bool:
    part = tenant.pex_or_none if key == "pex" else tenant.cmic_or_none
    return part is not None and not part.is_disconnected


def _connections(tenant: Tenant) -> list[tuple[str, str, str]]:
    """(system, colour, a few words) of both sides."""
    pex = pex_label(tenant.pex_or_none)
    cmic = cmic_label(tenant.cmic_or_none)
    return [
        (name, LABEL_COLOURS[key], words)
        for name, (key, words) in (("PEX", pex), ("CMiC", cmic))
    ]
