"""The tabs of a tenant's page in their order, and what is still missing on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from connector.models import Field, Tenant

# The anchors are unfold's: “general” is its first tab, the others its inlines.
CONNECT, SETTINGS, MAPPINGS, SYNC = "general", "transactions", "mappings", "sync"
# More mappings than these are told in one sentence.
_FEW = 2
TITLES = {
    CONNECT: "Connect",
    SETTINGS: "Transaction settings",
    MAPPINGS: "Field mappings",
    SYNC: "Sync",
}


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing to fill in: a sentence, and the id of its place on the page."""

    sentence: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of the page, and what is missing on it."""

    anchor: str
    missing: Sequence[Missing]

    @property
    def title(self) -> str:
        return TITLES[self.anchor]

    @property
    def is_done(self) -> bool:
        return not self.missing


def tab_url(tenant: Tenant, anchor: str) -> str:
    page = reverse("admin:connector_tenant_change", args=[tenant.pk])
    return f"{page}#{anchor}"


def tabs_of(tenant: Tenant) -> list[Tab]:
    """The three tabs on which something can be missing, in their order."""
    return [
        Tab(CONNECT, _missing_connections(tenant)),
        Tab(SETTINGS, _missing_settings(tenant)),
        Tab(MAPPINGS, _missing_mappings(tenant)),
    ]


def next_tab(tenant: Tenant) -> str:
    """The first tab with something missing; Sync once there is none."""
    return next((tab.anchor for tab in tabs_of(tenant) if not tab.is_done), SYNC)


def to_next_tab(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    """The way there; the tenant is looked at as it is stored."""
    anchor = next_tab(Tenant.objects.get(pk=tenant.pk))
    messages.info(request, f"Next: {TITLES[anchor]}.")
    return HttpResponseRedirect(tab_url(tenant, anchor))


def _missing_connections(tenant: Tenant) -> list[Missing]:
    missing = []
    for part, relation, name in (
        (tenant.pex_or_none, "pex", "PEX"),
        (tenant.cmic_or_none, "cmic", "CMiC"),
    ):
        sentences = (
            [f"The {name} connection is missing."]
            if part is None
            else part.missing_settings()
        )
        missing += [Missing(sentence, f"{relation}-group") for sentence in sentences]
    return missing


def _missing_settings(tenant: Tenant) -> list[Missing]:
    settings = tenant.transactions_or_none
    if settings is None:
        return [Missing("The transaction settings are missing.")]
    found: dict[str, Missing] = {}
    for field, sentence in settings.missing_fields().items():
        found.setdefault(sentence, Missing(sentence, f"id_{SETTINGS}-0-{field}"))
    return list(found.values())


def _missing_mappings(tenant: Tenant) -> list[Missing]:
    missing = tenant.missing_mappings()
    fields = [field for field in Field if field in missing]
    if len(fields) > _FEW:
        titles = ", ".join(str(field.label) for field in fields)
        sentence = f"These have neither a value nor a tag: {titles}."
        return [Missing(sentence, f"mapping-{fields[0]}")]
    return [
        Missing(sentence, f"mapping-{field}" if field else "")
        for field, sentence in missing.items()
    ]
