"""What must be remembered: runs, each purchase's way into CMiC, and tag options."""

from sync.models.alert import Alert
from sync.models.attempt import SyncAttempt
from sync.models.decision import Decision, DecisionRefusedError
from sync.models.heartbeat import Heartbeat
from sync.models.preview import Preview, PreviewedPurchase, PreviewLostError
from sync.models.purchase import (
    JudgementOutdatedError,
    LeaseLostError,
    PurchaseSync,
)
from sync.models.run import RunLostError, SyncRun
from sync.models.run.outcome import RunOutcome
from sync.models.states import TRANSITIONS, Status
from sync.models.tagging import OptionAlias, TagSync

__all__ = [
    "TRANSITIONS",
    "Alert",
    "Decision",
    "DecisionRefusedError",
    "Heartbeat",
    "JudgementOutdatedError",
    "LeaseLostError",
    "OptionAlias",
    "Preview",
    "PreviewLostError",
    "PreviewedPurchase",
    "PurchaseSync",
    "RunLostError",
    "RunOutcome",
    "Status",
    "SyncAttempt",
    "SyncRun",
    "TagSync",
]
