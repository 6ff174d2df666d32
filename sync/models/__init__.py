"""What must be remembered: runs, and each purchase's way into CMiC."""

from sync.models.attempt import SyncAttempt
from sync.models.purchase import LeaseLostError, PurchaseSync
from sync.models.run import RunOutcome, SyncRun
from sync.models.states import TRANSITIONS, Status

__all__ = [
    "TRANSITIONS",
    "LeaseLostError",
    "PurchaseSync",
    "RunOutcome",
    "Status",
    "SyncAttempt",
    "SyncRun",
]
