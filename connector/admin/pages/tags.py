"""PEX's tags on a tenant's page: read them again, and *Create PEX tags for CMiC* (F7).

Both are POSTs of those who may change the tenant; PEX is called outside transactions.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import URLPattern, path

from connector.admin.steps import MAPPINGS, tab_url
from connector.api.exceptions import ConnectorError
from connector.codes.tag_making import Made, TagsRefusedError, create_tags, read_tags
from connector.models import Tenant


class TagsPart:
    """Two buttons beside the mappings. Needs `changeable_tenant` of `ChoicesPart`."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:tenant_id>/tags/read/",
                view(self.read_tags_view),
                name="connector_tenant_read_tags",
            ),
            path(
                "<int:tenant_id>/tags/create/",
                view(self.create_tags_view),
                name="connector_tenant_create_tags",
            ),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def read_tags_view(self: Any, request: HttpRequest, tenant_id: int) -> HttpResponse:
        tenant = self.changeable_tenant(request, tenant_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            tags = read_tags(tenant)
        except ConnectorError as error:
            messages.error(request, f"PEX's tags could not be read. {error.message}")
        else:
            count = sum(tag.is_dropdown and tag.is_usable for tag in tags)
            kind = "dropdown tag" if count == 1 else "dropdown tags"
            messages.success(request, f"PEX has {count} {kind} to choose from.")
        return _to_mappings(tenant)

    def create_tags_view(
        self: Any, request: HttpRequest, tenant_id: int
    ) -> HttpResponse:
        tenant = self.changeable_tenant(request, tenant_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            made = create_tags(tenant, required="required" in request.POST)
        except TagsRefusedError as error:
            messages.warning(request, str(error))
        except ConnectorError as error:
            messages.error(
                request,
                f"PEX's tags could not be made. {error.message} Press the button "
                "again: what was made already is not made twice.",
            )
        else:
            self._tell(request, tenant, made)
        return _to_mappings(tenant)

    def _tell(self: Any, request: HttpRequest, tenant: Tenant, made: Made) -> None:
        if made.created:
            self.log_change(
                request, tenant, f"Created PEX tags: {_list(made.created)}."
            )
            messages.success(request, f"Created in PEX: {_list(made.created)}.")
        if made.mapped:
            self.log_change(
                request, tenant, f"Mapped to PEX tags: {_list(made.mapped)}."
            )
            messages.success(request, f"Mapped to its tag: {_list(made.mapped)}.")
        for problem in made.problems:
            messages.warning(request, problem)
        if not (made.created or made.mapped or made.problems):
            messages.info(request, f"PEX has all tags already: {_list(made.found)}.")


def _list(names: Any) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _to_mappings(tenant: Tenant) -> HttpResponse:
    return HttpResponseRedirect(tab_url(tenant, MAPPINGS))
