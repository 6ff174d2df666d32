"""What a person decides about purchases: a question, a reason, a POST; for one on its
page, for several from the list.

What a decision does, and who made it, is kept by `sync.models.decision`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin import action as list_action
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from connector.admin.page import person, render_page, row_page
from connector.api.exceptions import ConnectorError
from connector.api.pex.types import MARKER_TEXT
from connector.connections.probing import BROWSER_SECONDS
from sync.admin.wording import ended
from sync.engine.judging.context import TenantContext
from sync.engine.judging.markers import is_marked
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
        "Has what was refused been put right? What CMiC refused is judged anew by the "
        "next sync and sent once more, under the same number. Where only PEX's marker "
        "is missing, the next sync writes the marker and sends nothing."
    ),
    Decision.Kind.MARK_SYNCED: (
        "Is this purchase in CMiC by other means, or not to be there? It is never "
        "sent then, and the next sync writes “Synced with CMiC” to it in PEX, with "
        "your name."
    ),
    Decision.Kind.MARKER_WRITTEN: (
        "Have you written the note “Synced with CMiC” on this purchase in PEX? PEX is "
        "asked for the note now; the purchase is completed only if it is there."
    ),
    Decision.Kind.NO_MARKER: (
        "Is PEX to have no marker for this purchase, although it is in CMiC? The "
        "purchase is completed without one and never sent again."
    ),
}
# Where several are asked about at once and the question would speak of one.
_OF_SEVERAL = {
    Decision.Kind.IS_THERE: (
        "Have you seen each of these invoices in CMiC's Image Manager, under its "
        "number? The next sync then only marks the purchases in PEX."
    ),
    Decision.Kind.SEND_AGAIN: (
        "Have you looked for each of these invoices in CMiC's Image Manager, and is "
        "none of them there? The next sync sends each once more, under the same number."
    ),
    Decision.Kind.MARK_SYNCED: (
        "Are all of these purchases in CMiC by other means, or not to be there? They "
        "are never sent then, and the next sync writes “Synced with CMiC” to each in "
        "PEX, with your name."
    ),
    Decision.Kind.MARKER_WRITTEN: (
        "Have you written the note “Synced with CMiC” on each of these purchases in "
        "PEX? PEX is asked for the notes now; only purchases that have one are "
        "completed."
    ),
    Decision.Kind.NO_MARKER: (
        "Is PEX to have no marker for these purchases, although they are in CMiC? They "
        "are completed without one and never sent again."
    ),
}
# The names of the buttons, and with “_selected” of the list's actions.
VERBS = {
    "it_is_there": Decision.Kind.IS_THERE,
    "send_again": Decision.Kind.SEND_AGAIN,
    "retry": Decision.Kind.RETRY,
    "mark_as_synced": Decision.Kind.MARK_SYNCED,
    "marker_written": Decision.Kind.MARKER_WRITTEN,
    "leave_without_marker": Decision.Kind.NO_MARKER,
}
# After these nothing is left to do.
_ENDS = (Decision.Kind.MARKER_WRITTEN, Decision.Kind.NO_MARKER)
# Decided at once from the list; the rest is for the next time.
MOST_AT_ONCE = 500
_MOST_NAMED = 20


class WhyForm(forms.Form):
    why = forms.CharField(
        label="Why",
        max_length=500,
        help_text="For those who look into this later.",
        widget=UnfoldAdminTextInputWidget,
    )


def for_one(kind: Decision.Kind, icon: str) -> Any:
    """The button of a purchase's page, for where it `applies`."""

    @action(description=kind.label, permissions=["decide"], icon=icon)
    @row_page("decide")
    def decide(
        admin: ModelAdmin[PurchaseSync], request: HttpRequest, row: PurchaseSync
    ) -> HttpResponse:
        return _decide(admin, request, row, kind)

    return decide


def for_several(kind: Decision.Kind) -> Any:
    """The action of the list."""

    @list_action(description=kind.label, permissions=["decide"])
    def decide_several(
        admin: ModelAdmin[PurchaseSync],
        request: HttpRequest,
        rows: QuerySet[PurchaseSync],
    ) -> HttpResponse | None:
        return _decide_several(admin, request, rows, kind)

    return decide_several


def _decide(
    admin: ModelAdmin[PurchaseSync],
    request: HttpRequest,
    row: PurchaseSync,
    kind: Decision.Kind,
) -> HttpResponse:
    form = WhyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if _make_all(request, [row], kind, form.cleaned_data["why"]):
            done = f"“{kind.label}” is on record for {row}; {_next(kind, 1)}"
            messages.success(request, done)
        return HttpResponseRedirect(_page(row))
    return _ask(
        admin,
        request,
        kind,
        form,
        f"{kind.label}: {row}",
        original=row,
        purchase=row,
        amount=money(row.amount, Currencies().of(row)),
        applies=applies(kind, row),
        back_url=_page(row),
    )


def _decide_several(
    admin: ModelAdmin[PurchaseSync],
    request: HttpRequest,
    rows: QuerySet[PurchaseSync],
    kind: Decision.Kind,
) -> HttpResponse | None:
    """None, for the list again, once they are decided."""
    applying = rows.filter(pk__in=Decision.objects.waiting(kind))
    chosen = list(applying.order_by("pk")[:MOST_AT_ONCE])
    is_answer = "decide" in request.POST
    form = WhyForm(request.POST if is_answer else None)
    if is_answer and form.is_valid():
        why = form.cleaned_data["why"]
        made = _make_all(request, chosen, kind, why)
        if made:
            messages.success(request, _on_record(kind, made, len(chosen)))
        else:
            none = f"“{kind.label}” is on record for none of the chosen purchases."
            messages.warning(request, none)
        return None
    total = rows.count()
    return _ask(
        admin,
        request,
        kind,
        form,
        f"{kind.label}: {'1 purchase' if total == 1 else f'{total} purchases'}",
        several=True,
        total=total,
        count=len(chosen),
        named=_named(chosen[:_MOST_NAMED]),
        others=_named(rows.exclude(pk__in=applying)[:_MOST_NAMED]),
        chosen=request.POST.getlist(ACTION_CHECKBOX_NAME),
        select_across=request.POST.get("select_across", "0"),
        action=request.POST.get("action", ""),
        applies=bool(chosen),
        back_url=request.get_full_path(),
    )


def _ask(
    admin: ModelAdmin[PurchaseSync],
    request: HttpRequest,
    kind: Decision.Kind,
    form: WhyForm,
    title: str,
    *,
    several: bool = False,
    **context: Any,
) -> HttpResponse:
    return render_page(
        admin,
        request,
        "admin/sync/decision.html",
        title,
        question=(_OF_SEVERAL if several else {}).get(kind, _QUESTIONS[kind]),
        several=several,
        verb=kind.label,
        form=form,
        **context,
    )


def applies(kind: Decision.Kind, row: PurchaseSync) -> bool:
    return Decision.objects.waiting(kind).filter(pk=row.pk).exists()


def _named(rows: Iterable[PurchaseSync]) -> list[tuple[PurchaseSync, str]]:
    """Each with its amount in words."""
    rows = list(rows)
    currencies = Currencies(row.tenant_id for row in rows)
    return [(row, money(row.amount, currencies.of(row))) for row in rows]


def _make_all(
    request: HttpRequest, rows: Iterable[PurchaseSync], kind: Decision.Kind, why: str
) -> int:
    """How many were decided; of each other the person is told why not."""
    until = time.monotonic() + BROWSER_SECONDS
    made = 0
    for row in rows:
        objection = ""
        if kind == Decision.Kind.MARKER_WRITTEN:
            seconds = until - time.monotonic()
            if seconds <= 0:
                messages.warning(
                    request,
                    "PEX is slow to answer, so some were not asked about. Choose these "
                    "and press the action again.",
                )
                break
            objection = _marker_objection(row, seconds)
        if objection:
            messages.error(request, objection)
        else:
            made += _make(request, row, kind, why)
    return made


def _marker_objection(row: PurchaseSync, seconds: float) -> str:
    """Nothing where PEX shows the marker now, asked for `seconds` at most."""
    try:
        if is_marked(TenantContext(row.tenant, seconds=seconds), row):
            return ""
    except ConnectorError as error:
        return (
            f"Whether {row} has the marker could not be read from PEX: "
            f"{ended(error.message)} Try again later, or press "
            f"“{Decision.Kind.NO_MARKER.label}”."
        )
    return (
        f"PEX shows no note “{MARKER_TEXT}” on {row}. Write it there, then press "
        f"“{Decision.Kind.MARKER_WRITTEN.label}” again."
    )


def _on_record(kind: Decision.Kind, made: int, chosen: int) -> str:
    if made < chosen:
        of = f"{made} of the {chosen} purchases that it applied to"
    else:
        of = "1 purchase" if made == 1 else f"{made} purchases"
    return f"“{kind.label}” is on record for {of}; {_next(kind, made)}"


def _next(kind: Decision.Kind, made: int) -> str:
    """What follows for so many purchases, as the end of a sentence."""
    if kind in _ENDS:
        return "it is completed." if made == 1 else "they are completed."
    return f"the next sync takes {'it' if made == 1 else 'them'} up."


def _make(
    request: HttpRequest, row: PurchaseSync, kind: Decision.Kind, why: str
) -> bool:
    try:
        Decision.objects.make(row, kind, user=person(request), why=why)
    except DecisionRefusedError as error:
        messages.error(request, str(error))
        return False
    return True


def _page(row: PurchaseSync) -> str:
    return reverse("admin:sync_purchasesync_change", args=[row.pk])
