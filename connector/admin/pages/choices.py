"""What a tenant's page asks for while one edits: values to choose from, and what the
unsaved settings and mappings would do, in words. Changes nothing, calls nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern

from connector.admin.forms.drafts import Draft, read_draft
from connector.admin.forms.mapping_words import mapping_words, type_change_words
from connector.admin.forms.widgets import MARKS
from connector.admin.page import get_only, post_only, route, row_page
from connector.api.code_texts import alike
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


def urls(
    admin: ModelAdmin[Tenant], words: Callable[[Draft], dict[str, Any]]
) -> list[URLPattern]:
    """`words` says what the page shows beside the inputs of a draft."""
    return [
        route(admin, "<int:object_id>/choices/<str:name>/", choices_page, "choices"),
        route(
            admin, "<int:object_id>/words/", partial(words_page, words=words), "words"
        ),
    ]


@row_page("change")
@get_only
def choices_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant, name: str
) -> HttpResponse:
    if name not in _NAMES:
        raise Http404
    return JsonResponse(choices_json(tenant, name, request.GET))


@row_page("change")
@post_only
def words_page(
    admin: ModelAdmin[Tenant],
    request: HttpRequest,
    tenant: Tenant,
    words: Callable[[Draft], dict[str, Any]],
) -> HttpResponse:
    return JsonResponse(words(read_draft(tenant.pk, request.POST)))


def live_words(draft: Draft) -> dict[str, Any]:
    """A sentence for each row of the mappings, and what another Type Code breaks."""
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
    term = alike(asked.get("term", "")[:_LONGEST_TERM])
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
