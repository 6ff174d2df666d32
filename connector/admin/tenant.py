"""The tenants' list and one tenant's page. What runs add is in `sync.admin`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from unfold.decorators import display

from connector import clock
from connector.admin.connection_words import LABEL_COLOURS, cmic_label, pex_label
from connector.admin.forms.drafts import Draft
from connector.admin.inlines import CmicConnectionInline, PexConnectionInline
from connector.admin.mappings import FieldMappingInline
from connector.admin.pages import choices, credentials, tags, transfer
from connector.admin.pages.history import TenantForm, history_page
from connector.admin.pages.live import check_cmic_again
from connector.admin.steps import tabs_of, to_next_tab
from connector.admin.transactions import TransactionSettingsInline
from connector.admin.visible import VisibleAdmin
from connector.connections.business import sister_warning
from connector.connections.token_life import token_warning
from connector.history import mark
from connector.models import Field, FieldMapping, Tenant, TransactionSettings
from connector.models.access import is_limited


class TenantAdmin(VisibleAdmin):
    """Four tabs: Connect, Transaction settings, Field mappings, Sync. A new tenant has
    the first only, because there is nothing to choose from before CMiC is reached."""

    list_display: tuple[str, ...] = (
        "name",
        "pex_business",
        "pex_state",
        "cmic_state",
        "is_automatic",
    )
    search_fields = ("name", "slug", "pex__business_name")
    list_select_related = ("pex", "cmic")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "alert_contacts")}),
        # Shown in the tab of the mappings by `change_form_after_template`.
        (None, {"classes": ("tab",), "fields": ("dependent_options",)}),
    )
    inlines = (
        PexConnectionInline,
        CmicConnectionInline,
        TransactionSettingsInline,
        FieldMappingInline,
    )
    later_inlines = (TransactionSettingsInline, FieldMappingInline)
    warn_unsaved_form = True
    actions_list: tuple[Any, ...] = ("import_file",)
    more = {
        "title": "More",
        "icon": "more_horiz",
        "items": ["copy_settings", "export_file"],
    }
    form = TenantForm
    change_form_before_template = "admin/connector/tenant/seen.html"
    change_form_outer_before_template = "admin/connector/tenant/before.html"
    change_form_after_template = "admin/connector/tenant/after.html"

    class Media:
        js: tuple[str, ...] = ("connector/tenant.js",)

    history_view = history_page
    export_file = transfer.export_file
    import_file = transfer.import_file
    copy_settings = transfer.copy_settings

    def get_urls(self) -> list[URLPattern]:
        return [
            *choices.urls(self, self.live_words),
            *credentials.urls(self),
            *tags.urls(self),
            *super().get_urls(),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever is limited to some tenants adds none: they would not see it."""
        return super().has_add_permission(request) and not is_limited(request.user)

    def has_copy_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return transfer.may_copy(request)

    def has_import_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return transfer.may_import(request)

    def live_words(self, draft: Draft) -> dict[str, Any]:
        """What the page shows beside the inputs, as JSON; the Sync tab adds to it."""
        return choices.live_words(draft)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list needs neither secrets nor PEX's lists."""
        changelist = super().get_changelist_instance(request)
        changelist.result_list = changelist.result_list.defer(
            "pex__token",
            "pex__tags",
            "pex__cardholders",
            "cmic__password",
            "cmic__oauth_client_secret",
        )
        return changelist

    @admin.display(description="PEX business")
    def pex_business(self, tenant: Tenant) -> str:
        connection = tenant.pex_or_none
        return connection.business_name if connection else ""

    @display(description="PEX", label=LABEL_COLOURS)
    def pex_state(self, tenant: Tenant) -> tuple[str, str]:
        return pex_label(tenant.pex_or_none)

    @display(description="CMiC", label=LABEL_COLOURS)
    def cmic_state(self, tenant: Tenant) -> tuple[str, str]:
        return cmic_label(tenant.cmic_or_none)

    @display(
        description="Auto-sync",
        ordering="auto_sync",
        label={True: "success", False: "default"},
    )
    def is_automatic(self, tenant: Tenant) -> tuple[bool, str]:
        return tenant.auto_sync, "on" if tenant.auto_sync else "off"

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Tenant | None = None
    ) -> dict[str, Any]:
        """Commands outside know the slug, so it does not follow a new name."""
        return {} if obj else dict(self.prepopulated_fields)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        inlines = super().get_inlines(request, obj)
        if obj is not None:
            return inlines
        return [each for each in inlines if each not in self.later_inlines]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj is not None else fieldsets[:1]

    def save_related(
        self,
        request: HttpRequest,
        form: ModelForm[Tenant],
        formsets: list[BaseInlineFormSet[Any, Any, Any]],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        if not change:
            TransactionSettings.objects.get_or_create(tenant=form.instance)
            for field in Field:
                FieldMapping.objects.get_or_create(tenant=form.instance, field=field)
        if _is_company_new(formsets):
            # The page is saved in one transaction; the calls are made after it.
            transaction.on_commit(lambda: check_cmic_again(request, form.instance.pk))

    def response_add(
        self, request: HttpRequest, obj: Tenant, post_url_continue: str | None = None
    ) -> HttpResponse:
        """To the tab that comes next: one step of the setting up is done."""
        response: HttpResponse = super().response_add(request, obj, post_url_continue)
        if "_addanother" in request.POST:
            return response
        return to_next_tab(request, obj)

    def response_change(self, request: HttpRequest, obj: Tenant) -> HttpResponse:
        """While something is missing, saving leads on to it."""
        response: HttpResponse = super().response_change(request, obj)
        had_missing = request.POST.get("had_missing") == "yes"
        if had_missing and "_addanother" not in request.POST:
            return to_next_tab(request, obj)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        tenant: Tenant | None = kwargs.get("obj")
        tabs = tabs_of(tenant) if tenant else []
        context["seen"] = mark(tenant) if tenant else ""
        context["unfinished"] = [tab for tab in tabs if not tab.is_done]
        context["pex_tags"] = _tag_names(tenant)
        context["missing_settings"] = tenant.missing_settings() if tenant else []
        context["may_change"] = self.has_change_permission(request, tenant)
        pex = tenant.pex_or_none if tenant else None
        context["token_warning"] = token_warning(pex, clock.now()) if pex else None
        context["sister_warning"] = (
            sister_warning(tenant, request.user) if tenant else ""
        )
        page: HttpResponse = super().render_change_form(request, context, **kwargs)
        return page


def _is_company_new(formsets: Iterable[BaseInlineFormSet[Any, Any, Any]]) -> bool:
    """Vendors and the like are CMiC's per company, so it is asked for others now."""
    return any(
        form.instance.pk is not None and "company_code" in form.changed_data
        for formset in formsets
        if formset.model is TransactionSettings
        for form in formset.forms
    )


def _tag_names(tenant: Tenant | None) -> list[str]:
    connection = tenant.pex_or_none if tenant else None
    types = connection.tag_types() if connection is not None else {}
    return [name for name, kind in types.items() if kind == "dropdown"]
