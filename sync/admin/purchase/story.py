"""One purchase as a story in time order, from the card's swipe to the marker (F24).

Reads what runs, workers and people left on record; decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from connector.admin.moments import minute
from connector.models import TagMeaning
from connector.models.recorded import whose
from sync.admin.wording import (
    ATTEMPT_COLOURS,
    PURCHASE_COLOURS,
    folded,
    label,
    pretty,
)
from sync.models import (
    Decision,
    PurchaseSync,
    RunOutcome,
    Status,
    SyncAttempt,
)
from sync.money import money

# The newest; more than these make no story any more.
MOST_ATTEMPTS = 50
MOST_OUTCOMES = 400
# A decision and what it sets are written in one transaction, some moments apart.
_TOGETHER = timedelta(seconds=5)


@dataclass(frozen=True)
class Episode:
    """What happened at a moment, with its details as HTML."""

    at: datetime
    icon: str
    title: SafeString | str
    details: SafeString | str = ""


def attempts_of(row: PurchaseSync) -> list[SyncAttempt]:
    """The newest ones, in time order."""
    newest = SyncAttempt.objects.filter(purchase=row).order_by("-started_at", "-pk")
    return list(newest[:MOST_ATTEMPTS])[::-1]


def story_of(
    row: PurchaseSync, attempts: Sequence[SyncAttempt], currency: str
) -> list[Episode]:
    """Everything on record, oldest first, in a number of queries that is constant."""
    decisions = list(row.decisions.select_related("decided_by"))
    episodes = [
        *_in_pex(row, currency),
        *_judged(row),
        *(_tried(attempt) for attempt in attempts),
        *(_decided(each) for each in decisions),
        *_chosen(row),
        *_found(row, attempts, decisions),
        *_marked(row),
    ]
    return sorted(episodes, key=lambda each: each.at)


def run_link(run_id: int | None) -> SafeString | str:
    if run_id is None:
        return ""
    url = reverse("admin:sync_syncrun_change", args=[run_id])
    return format_html('<a class="text-link" href="{}">Run {}</a>', url, run_id)


def _in_pex(row: PurchaseSync, currency: str) -> Iterable[Episode]:
    if row.occurred_at is not None:
        who = f" by {row.cardholder}" if row.cardholder else ""
        where = f" at {row.merchant}" if row.merchant else ""
        paid = f"Card used{where}{who}: {money(row.amount, currency)}"
        yield Episode(row.occurred_at, "credit_card", paid)
    if row.settled_at is not None:
        yield Episode(row.settled_at, "account_balance", "Settled in PEX")


def _judged(row: PurchaseSync) -> Iterable[Episode]:
    """What runs held it for; those in a row that say the same are one episode.

    What a run sent is told by the attempt.
    """
    newest = RunOutcome.objects.filter(purchase=row).select_related("run")
    outcomes = list(newest.order_by("-run_id")[:MOST_OUTCOMES])[::-1]
    for (status, _), same in groupby(
        outcomes, key=lambda each: (each.status, str(each.reasons))
    ):
        group = list(same)
        first, last = group[0], group[-1]
        if status == Status.COMPLETED or first.run.ended_at is None:
            continue
        title = format_html(
            "{} {}",
            run_link(first.run_id),
            label(PURCHASE_COLOURS[Status(status)], str(Status(status).label)),
        )
        yield Episode(
            first.run.ended_at,
            "fact_check",
            title,
            format_html("{}{}", _sentences(first.reasons), _more(group, last)),
        )


def _sentences(reasons: Iterable[dict[str, str]]) -> SafeString:
    return format_html_join(
        "", "<p>{}</p>", ((reason.get("message", ""),) for reason in reasons)
    )


def _more(group: Sequence[RunOutcome], last: RunOutcome) -> SafeString | str:
    if len(group) == 1:
        return ""
    more = len(group) - 1
    return format_html(
        '<p class="connector-who">The same in {} more run{}, the last of them {} on '
        "{}.</p>",
        more,
        "" if more == 1 else "s",
        run_link(last.run_id),
        minute(last.run.ended_at) if last.run.ended_at else "",
    )


def _tried(attempt: SyncAttempt) -> Episode:
    title = format_html(
        "Sent to CMiC as {} {}",
        attempt.invoice_number,
        label(
            ATTEMPT_COLOURS[SyncAttempt.Outcome(attempt.outcome)],
            attempt.get_outcome_display(),
        ),
    )
    return Episode(
        attempt.started_at,
        "upload",
        title,
        format_html(
            '<p class="connector-who">{}{}</p>{}{}',
            run_link(attempt.run_id),
            _answered(attempt),
            folded("What was sent", pretty(attempt.payload)),
            folded("What CMiC answered", attempt.answer),
        ),
    )


def _answered(attempt: SyncAttempt) -> str:
    if attempt.answer_status:
        answer = f"HTTP {attempt.answer_status}"
    else:
        is_lost = attempt.outcome == SyncAttempt.Outcome.LOST
        answer = "the connection was lost" if is_lost else "no answer on record"
    if attempt.ended_at is None:
        return f", {answer}"
    seconds = (attempt.ended_at - attempt.started_at).total_seconds()
    return f", {answer} after {seconds:.1f} s"


def _decided(decision: Decision) -> Episode:
    by = whose(decision, "decided_by") or "somebody"
    title = f"“{decision.get_kind_display()}” by {by}"
    return Episode(
        decision.decided_at, "person", title, format_html("<p>{}</p>", decision.why)
    )


def _chosen(row: PurchaseSync) -> Iterable[Episode]:
    """Codes that people chose for this purchase alone, as long as they hold."""
    meanings = TagMeaning.objects.filter(
        tenant=row.tenant_id, transaction_id=row.pex_transaction_id
    )
    for each in meanings:
        title = f"{each}, for this purchase, chosen by {each.chosen_by}"
        yield Episode(each.chosen_at, "rule", title)


def _found(
    row: PurchaseSync,
    attempts: Iterable[SyncAttempt],
    decisions: Iterable[Decision],
) -> Iterable[Episode]:
    """In CMiC without an answer that said so, and without a person who did."""
    if row.posted_at is None:
        return
    accepted = SyncAttempt.Outcome.ACCEPTED
    if any(attempt.outcome == accepted for attempt in attempts):
        return
    if any(abs(each.decided_at - row.posted_at) < _TOGETHER for each in decisions):
        return
    yield Episode(
        row.posted_at, "search", f"Found in CMiC under its number, {row.invoice_number}"
    )


def _marked(row: PurchaseSync) -> Iterable[Episode]:
    written, seen = row.marker_written_at, row.marker_seen_at
    if written is not None and row.marker_note_id is not None:
        yield Episode(written, "bookmark_added", "Marker written to PEX")
    elif written is not None:
        yield Episode(written, "bookmark_added", "Marker is in PEX")
    if seen is not None and (written is None or seen - written > _TOGETHER):
        yield Episode(seen, "visibility", "Marker first seen by a sync")
