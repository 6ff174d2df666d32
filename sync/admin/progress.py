"""How a run stands, as the panel on its page shows it and asks for it again."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from sync.admin.wording import RUN_COLOURS, duration
from sync.engine.counts import count_outcomes
from sync.models import SyncRun

_TITLES = {
    "seen": "seen",
    "completed": "in CMiC",
    "waiting": "waiting",
    "blocked": "blocked",
    "skipped": "skipped",
    "failed": "failed",
}


def progress_json(run: SyncRun) -> dict[str, Any]:
    return {
        "is_active": run.is_active,
        "html": render_to_string("admin/sync/run_panel.html", panel_context(run)),
    }


def panel_context(run: SyncRun) -> dict[str, Any]:
    counts = count_outcomes(run) if run.is_active else run.counts
    end = run.ended_at or timezone.now()
    return {
        "run": run,
        "colour": RUN_COLOURS[SyncRun.State(run.status)],
        "counts": [
            (title, counts.get(name, 0), purchases_url(run, name))
            for name, title in _TITLES.items()
        ],
        "duration": duration(end - run.started_at) if run.started_at else "",
        "doing": _doing(run),
    }


def purchases_url(run: SyncRun, outcome: str) -> str:
    query = urlencode({"run": f"{run.pk}-{outcome}"})
    return f"{reverse('admin:sync_purchasesync_changelist')}?{query}"


def counts_in_words(counts: dict[str, int]) -> str:
    """Only what there is: “12 in CMiC, 3 blocked”."""
    return ", ".join(
        f"{counts[name]} {title}"
        for name, title in _TITLES.items()
        if name != "seen" and counts.get(name)
    )


def _doing(run: SyncRun) -> str:
    """What an active run does, or what it waits for."""
    if not run.is_active:
        return ""
    if run.resume_at is not None:
        at = timezone.localtime(run.resume_at)
        return f"It waits and goes on by itself at {at:%H:%M:%S}."
    if run.status == SyncRun.State.QUEUED:
        return "It waits for a worker."
    if run.prepared_at is None:
        return "It lists the purchases in PEX and checks their codes in CMiC."
    return "It sends the purchases, one after the other."
