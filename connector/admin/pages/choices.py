"""What a tenant's page asks for while one edits: values to choose from, and what the
unsaved settings and mappings would do, in words. Changes nothing, calls nobody.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    JsonResponse,
)
from django.urls import URLPattern, path

from connector.admin.forms.drafts import Draft, read_draft
from connector.admin.forms.mapping_words import mapping_words, type_change_words
from connector.admin.forms.widgets import MARKS
from connector.codes.choices import (
    NAMED_ONLY,
    Above,
    Choice,
    Shelf,
    is_sure,
    search,
    shelf_of,
)
from connector.models import Field, Tenant
from connector.models.codes import CodeState
from connector.models.invoice_fields import CODE_FIELDS, SHARED_KINDS
from connector.models.settings import SETTING_KINDS

_NAMES = {*SETTING_KINDS, Field.GROUP_CODE, *CODE_FIELDS}
_LONGEST_TERM = 100
_FURTHEST_PAGE = 10_000


class ChoicesPart:
    """Endpoints for those who may change the tenant. `live_words` may be extended."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:tenant_id>/choices/<str:name>/",
                view(self.choices_view),
                name="connector_tenant_choices",
            ),
            path(
                "<int:tenant_id>/words/",
                view(self.words_view),
                name="connector_tenant_words",
            ),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def changeable_tenant(self: Any, request: HttpRequest, tenant_id: int) -> Tenant:
        """The tenant, if it is one that this person may see and change.

        Raises `Http404` and `PermissionDenied`.
        """
        if not self.has_change_permission(request):
            raise PermissionDenied
        return self.get_object(request, str(tenant_id))  # type: ignore[no-any-return]

    def choices_view(
        self: Any, request: HttpRequest, tenant_id: int, name: str
    ) -> HttpResponse:
        tenant = self.changeable_tenant(request, tenant_id)
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        if name not in _NAMES:
            raise Http404
        answer = JsonResponse(choices_json(tenant, name, request.GET))
        answer["Cache-Control"] = "no-store"
        return answer

    def words_view(self: Any, request: HttpRequest, tenant_id: int) -> HttpResponse:
        self.changeable_tenant(request, tenant_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return JsonResponse(self.live_words(read_draft(tenant_id, request.POST)))

    def live_words(self, draft: Draft) -> dict[str, Any]:
        """What the page shows beside the inputs."""
        rows = {}
        warnings: list[str] = []
        for form in draft.mappings.forms:
            if form.rows is None:
                continue
            words = mapping_words(form.instance, form.rows)
            rows[str(form.instance.field)] = {"html": words.html, "tone": words.tone}
            if form.instance.field == Field.TYPE_CODE:
                warnings = list(type_change_words(form.rows))
        return {"rows": rows, "warnings": warnings}


def choices_json(tenant: Tenant, name: str, asked: Any) -> dict[str, Any]:
    """One page of choices as select2 takes it. `free` is the mark of a value that may
    be typed because nobody can say whether it is there; empty where none may."""
    above = Above(
        **{
            part: asked.get(part, "")[:_LONGEST_TERM]
            for part in ("company", "type", "source", "first", "second")
        }
    )
    shelf = shelf_of(name, above)
    if shelf is None:
        return _nothing("Choose the Type Code first.")
    free = "" if is_sure(tenant.pk, shelf) else MARKS[CodeState.UNCHECKED]
    if not shelf.company and shelf.kind not in SHARED_KINDS:
        return _nothing("Choose the CMiC company first.")
    term = asked.get("term", "").strip()[:_LONGEST_TERM].replace("\x00", "")
    found = search(tenant.pk, shelf, term, _page(asked.get("page", "")))
    hint = ""
    if free and not found.choices and not term:
        hint = (
            f"CMiC's {shelf.kind.label} list was not read yet, or CMiC cannot be "
            "reached. Type a code: it stays unchecked until the list is read."
        )
        if shelf.company and shelf.company != tenant.company_code:
            hint = f"Save the company first: then its list is read. {hint}"
    return {
        "results": [_result(choice, shelf) for choice in found.choices],
        "pagination": {"more": found.has_more},
        "free": free,
        "hint": hint,
    }


def _result(choice: Choice, shelf: Shelf) -> dict[str, Any]:
    is_named = shelf.kind in NAMED_ONLY and choice.name
    return {
        "id": choice.code,
        "text": f"{choice.code} {choice.name}",
        "code": choice.name if is_named else choice.code,
        "name": "" if is_named else choice.name,
        "mark": "" if choice.is_active else MARKS[CodeState.INACTIVE],
        "disabled": not choice.is_active,
    }


def _nothing(hint: str) -> dict[str, Any]:
    return {"results": [], "pagination": {"more": False}, "free": "", "hint": hint}


def _page(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    return min(max(number, 1), _FURTHEST_PAGE)
