"""Where rules, rows and clients meet: prepare a run, sync one purchase, recover.

The engine sends no messages. It returns what should happen next as `Step`s, and
`sync.tasks` sends them.
"""

from sync.engine.alert.mailing import send_alerts
from sync.engine.alert.writing import write_daily_alerts, write_urgent_alerts
from sync.engine.preview.effect import Effect, Kind, effect_of
from sync.engine.preview.previews import due_previews, make_preview, request_preview
from sync.engine.run.ending import stop
from sync.engine.run.lanes import sync_next
from sync.engine.run.preparing import prepare
from sync.engine.run.recovery import due_tenants, recover
from sync.engine.run.requesting import RunRefusedError, request_run, window_for
from sync.engine.steps import Step
from sync.engine.tags.sync import (
    look_at_filters,
    look_at_tags,
    read_lists,
    sync_tags,
)
from sync.engine.upkeep.refreshes import due_refreshes
from sync.engine.upkeep.retention import prune
from sync.engine.upkeep.tokens import renew_tokens

__all__ = [
    "Effect",
    "Kind",
    "RunRefusedError",
    "Step",
    "due_previews",
    "due_refreshes",
    "due_tenants",
    "effect_of",
    "look_at_filters",
    "look_at_tags",
    "make_preview",
    "prepare",
    "prune",
    "read_lists",
    "recover",
    "renew_tokens",
    "request_preview",
    "request_run",
    "send_alerts",
    "stop",
    "sync_next",
    "sync_tags",
    "window_for",
    "write_daily_alerts",
    "write_urgent_alerts",
]
