"""The page of one purchase: why it is not in CMiC, its invoice, and its whole story.

What can be done about it are the verbs of `sync.admin.purchase.decisions`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from connector import clock
from connector.admin.moments import minute, time_of_day
from connector.codes.nearest import Guess
from connector.models import Tenant
from connector.models.recorded import whose
from sync.admin.lists.export import ExportAdmin
from sync.admin.purchase.choosing import offers
from sync.admin.purchase.invoice import invoice_card
from sync.admin.purchase.receipts import document_words
from sync.admin.purchase.story import MOST_ATTEMPTS, attempts_of, run_link, story_of
from sync.admin.remedies import remedy_for
from sync.admin.wording import (
    NO_REASONS,
    PEOPLE,
    PURCHASE_COLOURS,
    ended,
    tenant_link,
)
from sync.causes import guesses_for
from sync.models import Decision, PurchaseSync, Status, SyncRun
from sync.money import Currencies, money
from sync.rules.absence import ABSENCES
from sync.rules.reasons import ReasonCode

# A purchase of hundreds of splits may have as many wrong values.
_MOST_COMPARED = 20
SENDABLE = (Status.PENDING, Status.POSTING)
_TO_BE_SENT = (Status.PENDING, Status.POSTING, Status.POSTED)


class PurchasePage(ExportAdmin):
    """Shows one row; `PurchaseSyncAdmin` adds the list of them."""

    change_form_outer_before_template = "admin/sync/purchase.html"
    fieldsets = (
        (
            "Purchase in PEX",
            {
                "fields": (
                    "transaction",
                    "tenant_link",
                    "merchant",
                    "cardholder",
                    "amount_words",
                    "approval_words",
                    "has_attachments",
                    "document",
                    "tags",
                )
            },
        ),
        (
            "In CMiC",
            {"fields": ("cmic_ids", "run_link", "updated")},
        ),
    )
    readonly_fields = (
        "transaction",
        "tenant_link",
        "amount_words",
        "approval_words",
        "tags",
        "cmic_ids",
        "document",
        "run_link",
        "updated",
    )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        row: PurchaseSync = kwargs["obj"]
        attempts = attempts_of(row)
        currency = Currencies().of(row)
        context.update(
            purchase=row,
            colour=PURCHASE_COLOURS[Status(row.status)],
            what=what_it_is(row, currency),
            lede=_lede(row),
            reasons=_reasons(row, request.user),
            invoice=invoice_card(row, attempts[-1] if attempts else None),
            story=story_of(row, attempts, currency),
            older_attempts=max(0, row.attempt_count - MOST_ATTEMPTS),
        )
        page: HttpResponse = super().render_change_form(request, context, **kwargs)
        return page

    @admin.display(description="PEX transaction", ordering="pex_transaction_id")
    def transaction(self, purchase: PurchaseSync) -> str:
        return str(purchase.pex_transaction_id)

    @admin.display(description="Amount")
    def amount_words(self, purchase: PurchaseSync) -> str:
        kind = " (refund or credit)" if purchase.is_refund else ""
        return f"{money(purchase.amount, Currencies().of(purchase))}{kind}"

    @admin.display(description="Approval")
    def approval_words(self, purchase: PurchaseSync) -> str:
        words = {"notreviewed": "not reviewed", "noreceipt": "waits for a receipt"}
        return words.get(purchase.approval, purchase.approval) or "none"

    @admin.display(description="Tags")
    def tags(self, purchase: PurchaseSync) -> SafeString | str:
        """As PEX had them when the purchase was last judged; those of splits below."""
        facts = purchase.facts or {}
        pex = purchase.tenant.pex_or_none
        known = pex.remembered_tags() if pex else []
        names = {tag.tag_id: tag.name for tag in known}
        rows = [("", *tag) for tag in facts.get("tags", [])]
        for number, split in enumerate(facts.get("splits", []), start=1):
            rows += [(f"Split {number}, ", *tag) for tag in split["tags"]]
        shown = (
            (place, name or names.get(tag_id, tag_id), value or "–")
            for place, tag_id, name, value in rows
        )
        text = "<p>{}{}: <strong>{}</strong></p>"
        return format_html_join("", text, shown) or "None."

    @admin.display(description="CMiC's ids")
    def cmic_ids(self, purchase: PurchaseSync) -> str:
        ids = (
            ("invoice", purchase.cmic_invoice_uuid),
            ("image", purchase.cmic_image_id),
        )
        return ", ".join(f"{name} {value}" for name, value in ids if value) or "None."

    @admin.display(description="Document")
    def document(self, purchase: PurchaseSync) -> SafeString:
        return document_words(purchase)

    @admin.display(description="Tenant")
    def tenant_link(self, purchase: PurchaseSync) -> SafeString:
        return tenant_link(purchase.tenant)

    @admin.display(description="Looked at last by")
    def run_link(self, purchase: PurchaseSync) -> SafeString | str:
        return run_link(purchase.run_id)

    @admin.display(description="Changed last")
    def updated(self, purchase: PurchaseSync) -> str:
        return minute(purchase.updated_at)


def what_it_is(row: PurchaseSync, currency: str) -> str:
    """The purchase in a line: “118.40 USD at Ferguson Supply, Ana Ruiz”."""
    kind = "Refund of " if row.is_refund else ""
    who = f", {row.cardholder}" if row.cardholder else ""
    at = f" at {row.merchant}" if row.merchant else ""
    return f"{kind}{money(row.amount, currency)}{at}{who}"


def _lede(row: PurchaseSync) -> str:
    """What it is and what becomes of it now, in sentences."""
    sentences = [_state(row)]
    if row.status in SENDABLE and not row.reasons:
        sentences.append(NO_REASONS.get(Status(row.status), ""))
    if row.needs_person:
        sentences.append("It waits for a person.")
    elif any(reason.get("code") in ABSENCES for reason in row.reasons):
        # The reason itself says that no sync looks at it.
        pass
    elif row.status in _TO_BE_SENT:
        sentences.append(_when(row))
    elif row.status == Status.BLOCKED:
        sentences.append(
            "Every sync looks at it again, and sends it once nothing stands in the way."
        )
    if row.not_before is not None:
        sentences.append(f"It goes on by itself at {minute(row.not_before)}.")
    if row.generation > 1:
        sentences.append(
            f"Its marker was removed in PEX {_times(row.generation - 1)}; each time it "
            "goes under a number of its own."
        )
    return " ".join(each for each in sentences if each)


def _state(row: PurchaseSync) -> str:
    """Of what is in CMiC or was settled by a person, who said so."""
    unmarked = _left_unmarked(row)
    marked = row.decisions.filter(kind=Decision.Kind.MARK_SYNCED).last()
    if marked is not None and row.posting_at is None:
        sentence = f"Marked as synced by {_who(marked)}; the connector did not send it."
        return f"{sentence} {unmarked}".strip()
    if row.status == Status.POSTED:
        return f"It is in CMiC as {row.invoice_number}; only PEX's marker is missing."
    if unmarked:
        return f"It is in CMiC as {row.invoice_number}. {unmarked}"
    if row.status == Status.COMPLETED:
        return NO_REASONS[Status.COMPLETED]
    return ""


def _left_unmarked(row: PurchaseSync) -> str:
    """Who said that PEX is to have no marker, as long as it has none."""
    if row.status != Status.COMPLETED or row.marker_written_at or row.marker_seen_at:
        return ""
    left = row.decisions.filter(kind=Decision.Kind.NO_MARKER).last()
    return f"{_who(left)} left it without a marker in PEX." if left else ""


def _who(decision: Decision) -> str:
    return whose(decision, "decided_by") or "somebody"


def _when(row: PurchaseSync) -> str:
    """When somebody works on it next: a run that is at work, or the next sync."""
    run = SyncRun.objects.filter(tenant=row.tenant_id).order_by("-pk").first()
    if run is not None and run.is_active and not row.is_deferred:
        if run.resume_at is not None:
            return f"Run {run.pk} {_waits(run, run.resume_at)}"
        return f"Run {run.pk} is at work and takes it up."
    sentences = []
    if run is not None and run.status == SyncRun.State.FAILED:
        why = ended(run.message)
        sentences.append(f"Run {run.pk} ended before it was done: {why}")
    tenant = row.tenant
    if tenant.auto_sync and tenant.next_auto_sync_at:
        at = minute(tenant.next_auto_sync_at)
        sentences.append(f"The next sync, {at}, takes it up, or an Execute before it.")
    else:
        sentences.append("The next Execute takes it up; auto-sync is off.")
    return " ".join(sentences)


def _waits(run: SyncRun, until: datetime) -> str:
    if until <= clock.now():
        return "goes on in a moment."
    at = f"waits and goes on at {time_of_day(until)}"
    return f"{at}: {ended(run.message)}" if run.message else f"{at}."


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _reasons(
    row: PurchaseSync, user: AbstractBaseUser | AnonymousUser
) -> list[dict[str, Any]]:
    """Each with the way out of it, and the codes that are nearest to its value."""
    compared = row.reasons[:_MOST_COMPARED]
    guessed = guesses_for((row.tenant_id, each) for each in compared)
    guessed += [Guess()] * (len(row.reasons) - len(compared))
    asked = [
        (row.tenant, each, guess)
        for each, guess in zip(row.reasons, guessed, strict=True)
    ]
    offered = offers(user, asked, row.pex_transaction_id)
    return [
        {**_reason(each, row.tenant_id, user), "nearest": guess.nearest, "offer": offer}
        for (_, each, guess), offer in zip(asked, offered, strict=True)
    ]


def _reason(
    reason: dict[str, str], tenant_id: int, user: AbstractBaseUser | AnonymousUser
) -> dict[str, Any]:
    code, field = reason.get("code", ""), reason.get("field", "")
    remedy = remedy_for(code, tenant_id, field)
    return {
        "message": f"{reason.get('message', '')}{_other_tenant(reason, user)}",
        "who": PEOPLE.get(reason.get("who", ""), "") if remedy.asks else "",
        "how": remedy.sentence,
        "links": remedy.links,
    }


def _other_tenant(
    reason: dict[str, str], user: AbstractBaseUser | AnonymousUser
) -> str:
    """Which tenant has the purchase, for those who may see that one."""
    key = reason.get("value", "")
    if reason.get("code") != ReasonCode.SENT_BY_OTHER_TENANT or not key.isdecimal():
        return ""
    other = Tenant.objects.visible_to(user).filter(pk=int(key)).first()
    return f" The other tenant is {other}." if other else ""
