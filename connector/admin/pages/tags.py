"""PEX's tags on a tenant's page: read them again, and *Create PEX tags for CMiC* (F7).

Both are POSTs of those who may change the tenant; PEX is called outside transactions.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern

from connector.admin.page import post_only, route, row_page
from connector.admin.steps import MAPPINGS, tab_url
from connector.api.exceptions import ConnectorError
from connector.codes.tag_making import Made, TagsRefusedError, create_tags, read_tags
from connector.models import Tenant


def urls(admin: ModelAdmin[Tenant]) -> list[URLPattern]:
    return [
        route(admin, "<int:object_id>/tags/read/", read_page, "read_tags"),
        route(admin, "<int:object_id>/tags/create/", create_page, "create_tags"),
    ]


@row_page("change")
@post_only
def read_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    try:
        tags = read_tags(tenant)
    except ConnectorError as error:
        messages.error(request, f"PEX's tags could not be read. {error.message}")
    else:
        count = sum(tag.is_dropdown and tag.is_usable for tag in tags)
        kind = "dropdown tag" if count == 1 else "dropdown tags"
        messages.success(request, f"PEX has {count} {kind} to choose from.")
    return HttpResponseRedirect(tab_url(tenant, MAPPINGS))


@row_page("change")
@post_only
def create_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
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
        _tell(admin, request, tenant, made)
    return HttpResponseRedirect(tab_url(tenant, MAPPINGS))


def _tell(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant, made: Made
) -> None:
    if made.created:
        admin.log_change(request, tenant, f"Created PEX tags: {_list(made.created)}.")
        messages.success(request, f"Created in PEX: {_list(made.created)}.")
    if made.mapped:
        admin.log_change(request, tenant, f"Mapped to PEX tags: {_list(made.mapped)}.")
        messages.success(request, f"Mapped to its tag: {_list(made.mapped)}.")
    for problem in made.problems:
        messages.warning(request, problem)
    if not (made.created or made.mapped or made.problems):
        messages.info(request, f"PEX has all tags already: {_list(made.found)}.")


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)
