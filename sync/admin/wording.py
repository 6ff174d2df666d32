"""States, reasons and codes in words and colours, for lists and pages alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from connector.api.cmic.types import LineType
from connector.models import Tenant
from connector.models.invoice_fields import KINDS_BY_TYPE
from connector.models.recorded import whose
from sync.models import Status, SyncAttempt, SyncRun
from sync.money import money
from sync.rules.reasons import ReasonCode, Who, code_title

RUN_COLOURS = {
    SyncRun.State.QUEUED: "default",
    SyncRun.State.RUNNING: "info",
    SyncRun.State.SUCCEEDED: "success",
    SyncRun.State.PARTIAL: "warning",
    SyncRun.State.FAILED: "danger",
    SyncRun.State.STOPPED: "default",
}
PURCHASE_COLOURS = {
    Status.PENDING: "info",
    Status.SKIPPED: "default",
    Status.BLOCKED: "warning",
    Status.POSTING: "info",
    Status.POSTED: "info",
    Status.COMPLETED: "success",
    Status.FAILED: "danger",
}
ATTEMPT_COLOURS = {
    SyncAttempt.Outcome.OPEN: "warning",
    SyncAttempt.Outcome.ACCEPTED: "success",
    SyncAttempt.Outcome.REFUSED: "danger",
    SyncAttempt.Outcome.NOT_SENT: "default",
    SyncAttempt.Outcome.LOST: "warning",
}
# In place of reasons, for a purchase that has none.
NO_REASONS = {
    Status.PENDING: "Nothing stands in the way.",
    Status.POSTING: "Sending was begun; the answer of CMiC is not on record yet.",
    Status.COMPLETED: "It is in CMiC, and PEX has the marker.",
}
PEOPLE: dict[str, str] = {
    Who.CARDHOLDER: "the cardholder",
    Who.APPROVER: "the approver in PEX",
    Who.PEX_ADMIN: "a PEX administrator",
    Who.CMIC_ADMIN: "a CMiC administrator",
    Who.SUPPORT: "support",
}
_LINE_TYPES = {
    LineType.JOB: "job",
    LineType.DEPARTMENT: "department",
    LineType.EQUIPMENT: "equipment",
}
_SOURCES = {
    "tag": "tag on the purchase",
    "default": "default",
    "static": "static value",
}


REASON_CHOICES = [(str(code), code_title(code)) for code in ReasonCode]


def ended(sentence: str) -> str:
    """With a full stop: what PEX and CMiC answer often has none."""
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def first_reason(reasons: Sequence[Mapping[str, str]]) -> str:
    if not reasons:
        return ""
    words = code_title(reasons[0].get("code", ""))
    more = len(reasons) - 1
    return f"{words} + {more} more" if more else words


def reason_list(reasons: Iterable[Mapping[str, str]]) -> SafeString:
    """Each reason as a sentence, with who can do something about it."""
    return format_html_join(
        "",
        '<p class="connector-reason">{} <span class="connector-who">'
        "This is for {}.</span></p>",
        (
            (
                reason.get("message", ""),
                PEOPLE.get(reason.get("who", ""), reason.get("who", "")),
            )
            for reason in reasons
        ),
    )


def line_table(lines: Iterable[Mapping[str, Any]]) -> SafeString:
    """The lines with each code and where it came from."""
    rows = format_html_join(
        "",
        '<tr><td>{}</td><td>{}</td><td class="connector-number">{}</td></tr>',
        (
            (
                _LINE_TYPES.get(line["type"], line["type"]),
                _codes(line),
                money(Decimal(line["amount"])),
            )
            for line in lines
        ),
    )
    if not rows:
        return format_html("{}", "None.")
    return format_html(
        '<div class="connector-scroll"><table class="connector-table"><thead><tr>'
        "<th>Booked on</th><th>Codes</th>"
        '<th class="connector-number">Amount</th></tr></thead>'
        "<tbody>{}</tbody></table></div>",
        rows,
    )


def _source(source: str, choice: Mapping[str, str] | None) -> str:
    """Where a code came from; `choice` is who chose it for which value of the tag."""
    if choice:
        return f"chosen by {choice['by']} for tag value {choice['value']}"
    return _SOURCES.get(source, source)


def _codes(line: Mapping[str, Any]) -> SafeString:
    kinds = KINDS_BY_TYPE.get(line["type"], ())
    titles = [kind.label for kind in kinds]
    titles += [""] * (len(line["codes"]) - len(titles))
    chosen = line.get("chosen") or [None] * len(line["codes"])
    return format_html_join(
        "",
        '<div>{} <strong>{}</strong> <span class="connector-who">{}</span></div>',
        (
            (title, code or "missing", _source(source, choice) if code else "")
            for title, code, source, choice in zip(
                titles, line["codes"], line["sources"], chosen, strict=False
            )
        ),
    )


def starter(run: SyncRun) -> str:
    """Who or what started it."""
    if name := whose(run, "started_by"):
        return name
    if run.trigger == SyncRun.Trigger.MANUAL:
        return "a command"
    return run.get_trigger_display()


def tenant_link(tenant: Tenant) -> SafeString:
    url = reverse("admin:connector_tenant_change", args=[tenant.pk])
    return format_html('<a class="text-link" href="{}">{}</a>', url, tenant)


def label(colour: str, text: str) -> SafeString:
    """The label of the lists, for pages."""
    return mark_safe(  # noqa: S308 - the template escapes
        render_to_string("unfold/helpers/label.html", {"type": colour, "text": text})
    )


def pretty(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


def folded(title: str, text: str) -> SafeString:
    """Long text behind its title."""
    if not text:
        return format_html("{}", "")
    return format_html(
        '<details class="connector-folded"><summary>{}</summary><pre>{}</pre>'
        "</details>",
        title,
        text,
    )


def duration(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
