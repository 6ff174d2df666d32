"""What pages of our own in the admin share: who may open one, its address, its frame.

A page is a function `(admin, request, …)`. Every address leads through `admin_view`,
which asks for a login and forbids to keep the answer in a cache.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, cast

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

More = ParamSpec("More")
Page = Callable[..., HttpResponseBase]

get_only = method_decorator(require_GET)
post_only = method_decorator(require_POST)


def person(request: HttpRequest) -> User:
    """Who asks; behind `admin_view` nobody is anonymous."""
    return cast(User, request.user)


def require(admin: ModelAdmin[Any], request: HttpRequest, permission: str) -> None:
    """Raises `PermissionDenied` unless `has_<permission>_permission` of the admin."""
    if not getattr(admin, f"has_{permission}_permission")(request):
        raise PermissionDenied


def row_page(
    permission: str, *parts: str
) -> Callable[
    [Callable[Concatenate[ModelAdmin[Row], HttpRequest, Row, More], HttpResponseBase]],
    Page,
]:
    """The page of one row, which it is given with these `parts` in place of its id.

    Before anything else of the request is looked at, `PermissionDenied` is raised for
    who has not this permission, and then `Http404` for a row they may not see.
    """

    def guard(
        page: Callable[
            Concatenate[ModelAdmin[Row], HttpRequest, Row, More], HttpResponseBase
        ],
    ) -> Page:
        @wraps(page)
        def guarded(
            admin: ModelAdmin[Row],
            request: HttpRequest,
            object_id: int | str,
            *args: More.args,
            **kwargs: More.kwargs,
        ) -> HttpResponseBase:
            require(admin, request, permission)
            row = find_row(request, admin.model, object_id, *parts)
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
