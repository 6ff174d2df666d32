"""How a run stands, as the panel on its page shows it and asks for it again."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse

from connector import clock
from connector.admin.moments import time_of_day
from connector.admin.page import row_page
from sync.admin.run.changes import CHANGES, changes_of
from sync.admin.wording import RUN_COLOURS, duration
from sync.engine.run.counts import counts_of
from sync.engine.run.pace import Pace, pace_of
from sync.models import RunOutcome, Status, SyncRun
from sync.money import Currencies, money

_SHOWN = ("seen", "completed", "waiting", "blocked", "skipped", "failed")

# What became of the others: of one, of several.
_LEFT = {
    # Not all of these are still to be sent: some are asked about, or lack the marker.
    "blocked": ("needs somebody", "need somebody"),
    "failed": ("was refused by CMiC", "were refused by CMiC"),
    "waiting": ("waits for the next sync", "wait for the next sync"),
    "skipped": ("is left out", "are left out"),
}


@row_page("view")
def progress_page(
    admin: ModelAdmin[SyncRun], request: HttpRequest, run: SyncRun
) -> HttpResponse:
    return JsonResponse(progress_json(run, request.user))


def progress_json(run: SyncRun, user: User | AnonymousUser) -> dict[str, Any]:
    """`announcement` is for those who listen; only its changes are read out."""
    context = panel_context(run, user)
    return {
        "is_active": run.is_active,
        "announcement": context["outcome"] or context["doing"],
        "html": render_to_string("admin/sync/run_panel.html", context),
    }


def panel_context(run: SyncRun, user: User | AnonymousUser) -> dict[str, Any]:
    now = clock.now()
    counts = counts_of(run)
    pace = pace_of(run, now) if run.is_active else Pace()
    end = run.ended_at or now
    return {
        "run": run,
        "colour": RUN_COLOURS[SyncRun.State(run.status)],
        "counts": [(name, counts[name], purchases_url(run, name)) for name in _SHOWN],
        "duration": duration(end - run.started_at) if run.started_at else "",
        "pace": pace,
        "speed": _speed(pace),
        "doing": _doing(run, pace),
        "outcome": outcome_of(run),
        **({} if run.is_active else _changes(run, user)),
    }


def purchases_url(run: SyncRun, outcome: str) -> str:
    query = urlencode({"run": f"{run.pk}-{outcome}"})
    return f"{reverse('admin:sync_purchasesync_changelist')}?{query}"


def counts_in_words(counts: dict[str, int]) -> str:
    """Only what there is: “12 in CMiC, 3 blocked”."""
    return ", ".join(
        f"{counts[name]} {name}"
        for name in _SHOWN
        if name != "seen" and counts.get(name)
    )


def _changes(run: SyncRun, user: User | AnonymousUser) -> dict[str, Any]:
    found = changes_of(run, user)
    return {
        "before": found.before,
        "changes": [
            (count, CHANGES[name], purchases_url(run, name))
            for name, count in found.counts.items()
        ],
        "settings_changes": found.settings,
        "tag_syncs": found.tags,
    }


def _speed(pace: Pace) -> str:
    """“40 of 120 worked on, 12 a minute, about 6 min 40 s left.”"""
    if not pace.total:
        return ""
    parts = [f"{pace.done:,} of {pace.total:,} worked on"]
    if pace.per_minute is not None and pace.done < pace.total:
        parts.append(f"{pace.per_minute:,.0f} a minute")
    if pace.remaining is not None and pace.done < pace.total:
        parts.append(f"about {duration(pace.remaining)} left")
    return f"{', '.join(parts)}."


def _doing(run: SyncRun, pace: Pace) -> str:
    """What an active run does, or what it waits for."""
    if not run.is_active:
        return ""
    if run.resume_at is not None:
        if run.resume_at <= clock.now():
            return "It goes on in a moment, with what PEX says now."
        return f"It waits and goes on by itself at {time_of_day(run.resume_at)}."
    if run.status == SyncRun.State.QUEUED:
        return "It waits for a worker."
    if run.prepared_at is None:
        return "It lists the purchases in PEX and checks their codes in CMiC."
    if pace.resumes_at is not None:
        return _waiting(pace, pace.resumes_at)
    return "It sends the purchases."


def _waiting(pace: Pace, until: datetime) -> str:
    left = pace.total - pace.done
    if pace.asks:
        invoices = "the invoice" if left == 1 else f"the {left} invoices"
        return (
            f"It waits until {time_of_day(until)}, to ask CMiC once more for "
            f"{invoices} whose answer was lost."
        )
    return (
        f"It waits until {time_of_day(until)}, and then tries what is left once more."
    )


def outcome_of(run: SyncRun) -> str:
    """How a run went, in a sentence or two; empty while it is active."""
    if run.is_active:
        return ""
    sent, amount = _sent(run)
    took = ""
    if run.started_at is not None and run.ended_at is not None:
        took = f" in {duration(run.ended_at - run.started_at)}"
    purchases = "1 purchase" if sent == 1 else f"{sent:,} purchases"
    if sent:
        over = money(amount, Currencies().of_tenant(run.tenant_id))
        outcome = f"It brought {purchases} over {over} into CMiC{took}."
    elif run.status in (SyncRun.State.SUCCEEDED, SyncRun.State.PARTIAL):
        outcome = f"It found nothing that could be sent{took}."
    else:
        outcome = "It sent nothing."
    parts = [
        f"{count:,} {one if count == 1 else several}"
        for name, (one, several) in _LEFT.items()
        if (count := run.counts.get(name))
    ]
    return f"{outcome} {_listed(parts)}".rstrip()


def _listed(parts: list[str]) -> str:
    if not parts:
        return ""
    *most, last = parts
    return f"{', '.join(most)} and {last}." if most else f"{last}."


def _sent(run: SyncRun) -> tuple[int, Decimal]:
    """What came into CMiC while it ran: number and amount."""
    if run.started_at is None:
        return 0, Decimal()
    in_cmic = Q(status__in=(Status.POSTED, Status.COMPLETED))
    since = Q(purchase__posted_at__gte=run.started_at)
    found = RunOutcome.objects.filter(in_cmic, since, run=run).aggregate(
        count=Count("pk"), amount=Sum("purchase__amount")
    )
    return found["count"], found["amount"] or Decimal()
