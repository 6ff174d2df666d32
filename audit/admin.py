"""The audit list in the admin: read, filtered and taken along, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from audit.models import Entry
from connector.admin.moments import second
from connector.admin.page import person
from connector.admin.visible import TenantFilter
from connector.models.access import people_of
from sync.admin.lists.export import ExportAdmin
from sync.admin.lists.paging import BoundedPaginator
from sync.admin.lists.tables import ZONE, Cell, Table, local
from sync.admin.purchase.filters import BusinessDayFilter


class PersonFilter(RelatedDropdownFilter):
    """Offers those people only that the person may know of."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: Any
    ) -> list[tuple[Any, str]]:
        people = people_of(person(request)).order_by("username")
        return [(each.pk, each.get_username()) for each in people]


def _rows(entries: Iterable[Entry]) -> Iterator[list[Cell]]:
    for entry in entries:
        yield [
            local(entry.at),
            entry.get_kind_display(),
            entry.person_name,
            entry.tenant_name,
            entry.address,
            entry.sentence,
        ]


ENTRIES = Table(
    "audit",
    (f"Moment ({ZONE})", "Kind", "Person", "Tenant", "Address", "What happened"),
    _rows,
)


@admin.register(Entry)
class EntryAdmin(ExportAdmin):
    table = ENTRIES
    list_display = (
        "moment",
        "kind",
        "person_name",
        "tenant_name",
        "address",
        "sentence",
    )
    list_filter = (
        ("person", PersonFilter),
        ("tenant", TenantFilter),
        ("kind", ChoicesDropdownFilter),
        ("at", BusinessDayFilter),
    )
    list_filter_submit = True
    list_per_page = 50
    ordering = ("-pk",)
    sortable_by = ("moment",)
    paginator = BoundedPaginator
    show_full_result_count = False
    search_fields = ("person_name", "tenant_name", "address", "sentence")
    search_help_text = "Person, tenant, address, or a word of what happened"
    fields = list_display
    readonly_fields = fields

    @admin.display(description="Moment", ordering="pk")
    def moment(self, entry: Entry) -> str:
        return second(entry.at)
