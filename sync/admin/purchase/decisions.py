"""What a person decides about purchases: a question, a reason, a POST; for one on its
page, for several from the list.

What a decision does, and who made it, is kept by `sync.models.decision`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from sync.admin.lists.readonly import is_id
from sync.models import Decision, DecisionRefusedError, PurchaseSync
from sync.money import Currencies, money

_QUESTIONS = {
    Decision.Kind.IS_THERE: (
        "Have you seen this invoice in CMiC's Image Manager, under its number? The "
        "next sync then only marks the purchase in PEX."
    ),
    Decision.Kind.SEND_AGAIN: (
        "Have you looked in CMiC's Image Manager, and it is not there? The next sync "
        "sends it once more, under the same number."
    ),
    Decision.Kind.RETRY: (
        "Is what CMiC refused put right? The next sync judges the purchase anew and "
        "sends it once more, under the same number."
    ),
    Decision.Kind.MARK_SYNCED: (
        "Is this purchase in CMiC by other means, or not to be there? It is never "
        "sent then, and the next sync writes “Synced with CMiC” to it in PEX, with "
        "your name."
    ),
}
# Decided at once from the list; the rest is for the next time.
MOST_AT_ONCE = 500
_MOST_NAMED = 20


class WhyForm(forms.Form):
    why = forms.CharField(
        label="Why",
        max_length=500,
        help_text="For those who look at this purchase later.",
        widget=UnfoldAdminTextInputWidget,
    )


class DecisionsPart:
    """The verbs; each is offered only where it applies."""

    actions_detail = ("it_is_there", "send_again", "retry", "mark_as_synced")
    actions = (
        "it_is_there_selected",
        "send_again_selected",
        "retry_selected",
        "mark_as_synced_selected",
    )

    def has_decide_permission(
        self, request: HttpRequest, object_id: str | int | None = None
    ) -> bool:
        return request.user.has_perm("sync.decide_purchase")

    def get_actions_detail(
        self, request: HttpRequest, object_id: str | int
    ) -> list[Any]:
        offered: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        verbs = {_VERBS[kind]: kind for kind in Decision.Kind}
        rows = self.get_queryset(request)  # type: ignore[attr-defined]
        row: PurchaseSync | None = (
            rows.filter(pk=object_id).first() if is_id(object_id) else None
        )
        return [
            each
            for each in offered
            if each.method.__name__ not in verbs
            or (row and _applies(verbs[each.method.__name__], row))
        ]

    @action(description="It is there", permissions=["decide"], icon="task_alt")
    def it_is_there(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, Decision.Kind.IS_THERE)

    @action(description="Send again", permissions=["decide"], icon="forward_to_inbox")
    def send_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, Decision.Kind.SEND_AGAIN)

    @action(description="Retry", permissions=["decide"], icon="replay")
    def retry(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, Decision.Kind.RETRY)

    @action(description="Mark as synced", permissions=["decide"], icon="bookmark_added")
    def mark_as_synced(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, Decision.Kind.MARK_SYNCED)

    @admin.action(permissions=["decide"], description="It is there")
    def it_is_there_selected(
        self, request: HttpRequest, rows: QuerySet[PurchaseSync]
    ) -> HttpResponse | None:
        return self._decide_several(request, rows, Decision.Kind.IS_THERE)

    @admin.action(permissions=["decide"], description="Send again")
    def send_again_selected(
        self, request: HttpRequest, rows: QuerySet[PurchaseSync]
    ) -> HttpResponse | None:
        return self._decide_several(request, rows, Decision.Kind.SEND_AGAIN)

    @admin.action(permissions=["decide"], description="Retry")
    def retry_selected(
        self, request: HttpRequest, rows: QuerySet[PurchaseSync]
    ) -> HttpResponse | None:
        return self._decide_several(request, rows, Decision.Kind.RETRY)

    @admin.action(permissions=["decide"], description="Mark as synced")
    def mark_as_synced_selected(
        self, request: HttpRequest, rows: QuerySet[PurchaseSync]
    ) -> HttpResponse | None:
        return self._decide_several(request, rows, Decision.Kind.MARK_SYNCED)

    def _decide(
        self, request: HttpRequest, object_id: str, kind: Decision.Kind
    ) -> HttpResponse:
        if not self.has_decide_permission(request):
            raise PermissionDenied
        row: PurchaseSync | None = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if row is None:
            raise Http404
        form = WhyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            _make(request, row, kind, form.cleaned_data["why"])
            return HttpResponseRedirect(_page(row))
        context = {
            "title": f"{kind.label}: {row}",
            "original": row,
            "purchase": row,
            "amount": money(row.amount, Currencies().of(row)),
            "applies": _applies(kind, row),
            "back_url": _page(row),
        }
        return self._ask(request, kind, form, context)

    def _decide_several(
        self, request: HttpRequest, rows: QuerySet[PurchaseSync], kind: Decision.Kind
    ) -> HttpResponse | None:
        """None, for the list again, once they are decided."""
        applying = rows.filter(pk__in=Decision.objects.waiting(kind))
        chosen = list(applying.order_by("pk")[:MOST_AT_ONCE])
        is_answer = "decide" in request.POST
        form = WhyForm(request.POST if is_answer else None)
        if is_answer and form.is_valid():
            why = form.cleaned_data["why"]
            made = sum(_make(request, row, kind, why, is_one=False) for row in chosen)
            messages.success(
                request,
                f"“{kind.label}” is on record for {made} of the {len(chosen)} it "
                "applied to; the next sync goes on.",
            )
            return None
        total = rows.count()
        context = {
            "title": f"{kind.label}: {total} purchases",
            "several": True,
            "total": total,
            "count": len(chosen),
            "named": _named(chosen[:_MOST_NAMED]),
            "others": _named(rows.exclude(pk__in=applying)[:_MOST_NAMED]),
            "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "action": request.POST.get("action", ""),
            "applies": bool(chosen),
            "back_url": request.get_full_path(),
        }
        return self._ask(request, kind, form, context)

    def _ask(
        self,
        request: HttpRequest,
        kind: Decision.Kind,
        form: WhyForm,
        context: dict[str, Any],
    ) -> HttpResponse:
        model_admin: Any = self
        context = {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "question": _QUESTIONS[kind],
            "verb": kind.label,
            "form": form,
            **context,
        }
        return TemplateResponse(request, "admin/sync/decision.html", context)


_VERBS = {
    Decision.Kind.IS_THERE: "it_is_there",
    Decision.Kind.SEND_AGAIN: "send_again",
    Decision.Kind.RETRY: "retry",
    Decision.Kind.MARK_SYNCED: "mark_as_synced",
}


def _applies(kind: Decision.Kind, row: PurchaseSync) -> bool:
    return Decision.objects.waiting(kind).filter(pk=row.pk).exists()


def _named(rows: Iterable[PurchaseSync]) -> list[tuple[PurchaseSync, str]]:
    """Each with its amount in words."""
    rows = list(rows)
    currencies = Currencies(row.tenant_id for row in rows)
    return [(row, money(row.amount, currencies.of(row))) for row in rows]


def _make(
    request: HttpRequest,
    row: PurchaseSync,
    kind: Decision.Kind,
    why: str,
    *,
    is_one: bool = True,
) -> bool:
    try:
        Decision.objects.make(row, kind, user=request.user, why=why)  # type: ignore[arg-type]
    except DecisionRefusedError as error:
        messages.error(request, str(error))
        return False
    if is_one:
        messages.success(
            request, f"“{kind.label}” is on record for {row}; the next sync goes on."
        )
    return True


def _page(row: PurchaseSync) -> str:
    return reverse("admin:sync_purchasesync_change", args=[row.pk])
