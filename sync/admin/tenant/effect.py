"""Before settings or mappings are saved: which waiting purchases would fare otherwise
(F23). The page asks by itself; a POST, because of the inputs, and it changes nothing.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import URLPattern

from connector import clock
from connector.admin.forms.drafts import Draft, read_draft
from connector.admin.page import post_only, route, row_page
from connector.models import Tenant
from sync.engine.preview.effect import (
    AffectedPurchase,
    Effect,
    Kind,
    Prospect,
    effect_of,
)
from sync.money import Currencies, money

_SHOWN = 50
_SENTENCES = {
    Kind.BLOCKED: ("becomes blocked", "become blocked"),
    Kind.LEFT_OUT: ("is left out", "are left out"),
    Kind.UNBLOCKED: ("is unblocked", "are unblocked"),
    Kind.TAKEN_IN: ("is taken in", "are taken in"),
    Kind.CHANGED: ("is sent otherwise", "are sent otherwise"),
}


def urls(admin: ModelAdmin[Tenant]) -> list[URLPattern]:
    return [route(admin, "<int:object_id>/effect/", effect_page, "effect")]


@row_page("change")
@post_only
def effect_page(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    """Purchases are listed for those who may see them."""
    draft = read_draft(tenant.pk, request.POST)
    may_see = request.user.has_perm("sync.view_purchasesync")
    return JsonResponse(effect_json(draft, may_see=may_see))


def effect_json(draft: Draft, *, may_see: bool) -> dict[str, Any]:
    """Counts by kind, and the panel that the page shows."""
    effect = Effect()
    parts = Tenant.objects.select_related("pex", "cmic", "transactions")
    saved = parts.prefetch_related("mappings").get(pk=draft.tenant.pk)
    if saved.transactions_or_none and saved.mappings.count() == len(
        draft.mappings.forms
    ):
        effect = effect_of(saved, draft.tenant, clock.now())
    counts = {kind: effect.count(kind) for kind in Kind}
    currency = Currencies().of_tenant(saved.pk)
    context = {
        "problems": draft.problems,
        "effect": effect,
        "sentences": [
            f"{count} {_SENTENCES[kind][count != 1]}"
            for kind, count in counts.items()
            if count
        ],
        "affected": [_shown(each, currency) for each in effect.affected[:_SHOWN]]
        if may_see
        else [],
        "more": max(0, len(effect.affected) - _SHOWN),
    }
    html = render_to_string("admin/sync/effect.html", context)
    return {"counts": counts, "html": html}


def _shown(purchase: AffectedPurchase, currency: str) -> dict[str, Any]:
    return {
        "row": purchase.row,
        "amount": money(purchase.row.amount, currency),
        "what": _SENTENCES[purchase.kind][0],
        "before": _codes(purchase.before),
        "after": _codes(purchase.after),
        "reasons": [reason.message for reason in purchase.after.judgement.reasons],
    }


def _codes(prospect: Prospect) -> str:
    lines = (" / ".join(line.codes) for line in prospect.judgement.lines)
    return "; ".join(dict.fromkeys(lines))
