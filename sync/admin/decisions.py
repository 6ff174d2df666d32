"""*It is there* and *Send again* on a purchase's page: a question, a reason, a POST.

What a decision does, and who made it, is kept by `sync.models.decision`.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from sync.models import Decision, DecisionRefusedError, PurchaseSync

_QUESTIONS = {
    Decision.Kind.IS_THERE: (
        "Have you seen this invoice in CMiC's Image Manager, under its number? The "
        "next sync then only marks the purchase in PEX."
    ),
    Decision.Kind.SEND_AGAIN: (
        "Have you looked in CMiC's Image Manager, and it is not there? The next sync "
        "sends it once more, under the same number."
    ),
}


class WhyForm(forms.Form):
    why = forms.CharField(
        label="Why",
        max_length=500,
        help_text="For those who look at this purchase later.",
        widget=UnfoldAdminTextInputWidget,
    )


class DecisionsPart:
    """The two actions; seen only while the purchase waits for one of them."""

    actions_detail = ("it_is_there", "send_again")

    def has_decide_permission(
        self, request: HttpRequest, object_id: str | int | None = None
    ) -> bool:
        if not request.user.has_perm("sync.decide_purchase"):
            return False
        waiting = self.get_queryset(request).filter(needs_person=True)  # type: ignore[attr-defined]
        return bool(object_id and waiting.filter(pk=object_id).exists())

    @action(description="It is there", permissions=["decide"], icon="task_alt")
    def it_is_there(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, Decision.Kind.IS_THERE)

    @action(description="Send again", permissions=["decide"], icon="forward_to_inbox")
    def send_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, Decision.Kind.SEND_AGAIN)

    def _decide(
        self, request: HttpRequest, object_id: str, kind: Decision.Kind
    ) -> HttpResponse:
        if not request.user.has_perm("sync.decide_purchase"):
            raise PermissionDenied
        row: PurchaseSync | None = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if row is None:
            raise Http404
        form = WhyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._settle(request, row, kind, form.cleaned_data["why"])
        admin: Any = self
        context = {
            **admin.admin_site.each_context(request),
            "title": f"{kind.label}: {row}",
            "opts": admin.opts,
            "original": row,
            "purchase": row,
            "question": _QUESTIONS[kind],
            "verb": kind.label,
            "form": form,
            "back_url": _page(row),
        }
        return TemplateResponse(request, "admin/sync/decision.html", context)

    def _settle(
        self, request: HttpRequest, row: PurchaseSync, kind: Decision.Kind, why: str
    ) -> HttpResponse:
        try:
            Decision.objects.make(row, kind, user=request.user, why=why)  # type: ignore[arg-type]
        except DecisionRefusedError as error:
            messages.error(request, str(error))
        else:
            messages.success(
                request,
                f"“{kind.label}” is on record for {row}; the next sync goes on.",
            )
        return HttpResponseRedirect(_page(row))


def _page(row: PurchaseSync) -> str:
    return reverse("admin:sync_purchasesync_change", args=[row.pk])
