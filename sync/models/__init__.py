"""What must be remembered: runs, and each purchase's way into CMiC."""

from sync.models.alert import Alert
from sync.models.attempt import SyncAttempt
from sync.models.decision import Decision, DecisionRefusedError
from sync.models.purchase import LeaseLostError, PurchaseSync
from sync.models.run import RunLostError, RunOutcome, SyncRun
from sync.models.states import TRANSITIONS, Status

__all__ = [
    "TRANSITIONS",
    "Alert",
    "Decision",
    "DecisionRefusedError",
    "LeaseLostError",
    "PurchaseSync",
    "RunLostError",
    "RunOutcome",
    "Status",
    "SyncAttempt",
    "SyncRun",
]
