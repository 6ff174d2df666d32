"""What pages of our own in the admin share: who may open one, its address, its frame.

A page is a function `(admin, request, …)`. Every address leads through `admin_view`,
which asks for a login and forbids to keep the answer in a cache.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_GET, require_POST

from connector.admin.visible import Row, find_row

Admin = TypeVar("Admin", bound="ModelAdmin[Any]")
More = ParamSpec("More")
ListPage = Callable[Concatenate[Admin, HttpRequest, More], HttpResponseBase]
RowPage = Callable[Concatenate[Admin, HttpRequest, Row, More], HttpResponseBase]
# As it is reached: ids of the address in place of rows.
Page = Callable[..., HttpResponseBase]

get_only = method_decorator(require_GET)
post_only = method_decorator(require_POST)


def person(request: HttpRequest) -> User:
    """Who asks; behind `admin_view` nobody is anonymous."""
    return cast(User, request.user)


def list_page(permission: str) -> Callable[[ListPage[Admin, More]], Page]:
    """A page of no row in particular, for whom `has_<permission>_permission` lets in.

    Others are answered with `PermissionDenied` before anything is looked at.
    """

    def guard(page: ListPage[Admin, More]) -> Page:
        @wraps(page)
        def guarded(
            admin: Admin, request: HttpRequest, *args: More.args, **kwargs: More.kwargs
        ) -> HttpResponseBase:
            if not getattr(admin, f"has_{permission}_permission")(request):
                raise PermissionDenied
            return page(admin, request, *args, **kwargs)

        return guarded

    return guard


def row_page(
    permission: str, *parts: str
) -> Callable[[RowPage[Admin, Row, More]], Page]:
    """A page of one row, which it is given, with these `parts`, in place of its id.

    As `list_page`; then `Http404` for a row that the person may not see.
    """

    def guard(page: RowPage[Admin, Row, More]) -> Page:
        @wraps(page)
        @list_page(permission)
        def guarded(
            admin: Admin,
            request: HttpRequest,
            /,
            object_id: int | str,
            *args: More.args,
            **kwargs: More.kwargs,
        ) -> HttpResponseBase:
            row: Row = find_row(request, admin.model, object_id, *parts)
            return page(admin, request, row, *args, **kwargs)

        return guarded

    return guard


def route(admin: ModelAdmin[Any], address: str, page: Page, name: str) -> URLPattern:
    """The page below the list of the admin's rows, as `admin:<app>_<model>_<name>`."""
    label = f"{admin.opts.app_label}_{admin.opts.model_name}_{name}"
    view = admin.admin_site.admin_view(partial(page, admin))
    return path(address, view, name=label)


def render_page(
    admin: ModelAdmin[Any],
    request: HttpRequest,
    template: str,
    title: str,
    **context: Any,
) -> TemplateResponse:
    """The template in the frame of the admin: its menu, the title, the way back."""
    frame = {**admin.admin_site.each_context(request), "title": title}
    return TemplateResponse(request, template, {**frame, "opts": admin.opts, **context})
