"""Which days the settings of a tenant cover, in sentences (F5, F15)."""

from __future__ import annotations

from datetime import date, datetime

from connector import clock
from connector.admin.moments import minute
from connector.models import Tenant
from sync.engine.run.requesting import window_for
from sync.models import SyncRun
from sync.rules.window import Window, business_day


def settings_words(tenant: Tenant, now: datetime | None = None) -> list[str]:
    """What an Execute now and the next auto-sync would cover, and what limits them.

    The tenant's settings may be unsaved. Empty without settings.
    """
    settings = tenant.transactions_or_none
    if settings is None:
        return []
    now = now or clock.now()
    due = tenant.next_auto_sync_at if tenant.auto_sync else None
    then = due if due is not None and due > now else now
    manual = window_for(tenant, SyncRun.Trigger.MANUAL, now)
    automatic = window_for(tenant, SyncRun.Trigger.AUTO, then)
    return [
        f"Execute now covers {days(manual)}.",
        _automatic(tenant, automatic, then),
        *_limits(settings.start_date, settings.end_date, automatic, now),
    ]


def days(window: Window) -> str:
    if window.is_empty:
        return f"no day: the end lies before {_written(window.first)}"
    count = (window.last - window.first).days + 1
    if count == 1:
        return f"one day, {_written(window.first)} (US Eastern)"
    return (
        f"{_written(window.first)} to {_written(window.last)}, both included: {count} "
        "US Eastern days"
    )


def _automatic(tenant: Tenant, window: Window, then: datetime) -> str:
    if not tenant.auto_sync:
        return f"Auto-sync is off; switched on now, it would cover {days(window)}."
    if tenant.next_auto_sync_at is None:
        return f"The next auto-sync covers {days(window)}."
    return f"The next auto-sync, {minute(then)}, covers {days(window)}."


def _limits(
    start: date | None, end: date | None, automatic: Window, now: datetime
) -> list[str]:
    limits = []
    if start is None:
        limits.append("There is no start date, so both go two months back.")
    elif start < automatic.first:
        limits.append(
            "An auto-sync never goes further back than two months, so it leaves out "
            f"the days before {_written(automatic.first)}."
        )
    today = business_day(now)
    if end is not None and end < today:
        limits.append(
            f"The end date is past: nothing after {_written(end)} is synced until it "
            "is removed."
        )
    return limits


def _written(day: date) -> str:
    return f"{day:%b} {day.day}, {day.year}"
