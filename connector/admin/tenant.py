"""The tenants' list and one tenant's page. What runs add is in `sync.admin`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from connector.admin.credentials import CredentialsPart
from connector.admin.history import HistoryPart
from connector.admin.inlines import (
    CmicConnectionInline,
    FieldMappingInline,
    PexConnectionInline,
    TransactionSettingsInline,
)
from connector.admin.live import CMIC, check_connections
from connector.admin.states import LABEL_COLOURS, cmic_label, pex_label
from connector.admin.transfer import TransferPart
from connector.admin.visible import VisibleTenants
from connector.cmic.types import CodeKind
from connector.forms import TransactionSettingsForm
from connector.models import CmicCode, Tenant
from connector.models.settings import TransactionSettings

# A list of choices that is longer than this is no help while typing.
_MOST_CHOICES = 1000

# Parts of the page whose change asks something new of a system.
_CONNECTS = {
    # Vendors and the like are read per company.
    TransactionSettings: (CMIC, {"company_code"}),
}


class TenantAdmin(
    CredentialsPart, TransferPart, HistoryPart, VisibleTenants, ModelAdmin
):
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
    fields = ("name", "slug", "auto_sync", "dependent_options")
    inlines = (
        PexConnectionInline,
        CmicConnectionInline,
        TransactionSettingsInline,
        FieldMappingInline,
    )
    warn_unsaved_form = True
    change_form_outer_before_template = "admin/connector/tenant/before.html"

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
        connection = _part(tenant, "pex")
        return connection.business_name if connection else ""

    @display(description="PEX", label=LABEL_COLOURS)
    def pex_state(self, tenant: Tenant) -> tuple[str, str]:
        return pex_label(_part(tenant, "pex"))

    @display(description="CMiC", label=LABEL_COLOURS)
    def cmic_state(self, tenant: Tenant) -> tuple[str, str]:
        return cmic_label(_part(tenant, "cmic"))

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

    def save_related(
        self,
        request: HttpRequest,
        form: ModelForm[Tenant],
        formsets: list[BaseInlineFormSet[Any, Any, Any]],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        systems = _systems_to_check(formsets)
        # The page is saved in one transaction; the calls are made after it.
        transaction.on_commit(
            lambda: check_connections(request, form.instance.pk, systems)
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        tenant: Tenant | None = kwargs.get("obj")
        context["pex_tags"] = _tag_names(tenant)
        context["code_lists"] = _code_lists(tenant)
        context["missing_settings"] = tenant.missing_settings() if tenant else []
        page: HttpResponse = super().render_change_form(request, context, **kwargs)
        return page


def _part(tenant: Tenant, relation: str) -> Any:
    return getattr(tenant, relation, None)


def _systems_to_check(
    formsets: Iterable[BaseInlineFormSet[Any, Any, Any]],
) -> set[str]:
    """The systems that are asked for something else now."""
    systems = set()
    for formset in formsets:
        if formset.model not in _CONNECTS:
            continue
        system, fields = _CONNECTS[formset.model]
        for form in formset.forms:
            is_saved = form.instance.pk is not None
            if is_saved and fields.intersection(form.changed_data):
                systems.add(system)
    return systems


def _tag_names(tenant: Tenant | None) -> list[str]:
    connection = _part(tenant, "pex") if tenant else None
    if connection is None:
        return []
    return [name for name, kind in connection.tag_types().items() if kind == "dropdown"]


def _code_lists(tenant: Tenant | None) -> dict[str, list[CmicCode]]:
    """What CMiC offers for each input of the settings, as last read."""
    if tenant is None:
        return {}
    settings = _part(tenant, "transactions")
    company = settings.company_code if settings else ""
    lists = {}
    for kind in TransactionSettingsForm.lists.values():
        codes = CmicCode.objects.filter(tenant=tenant, kind=kind, is_active=True)
        if kind is CodeKind.VENDOR:
            codes = codes.filter(company=company)
        lists[f"codes-{kind}"] = list(codes.order_by("code")[:_MOST_CHOICES])
    return lists
