"""One purchase: its row, its backlog, and how long what is known of it holds."""

from sync.models.purchase.judged import JudgementOutdatedError, judged_since
from sync.models.purchase.row import LeaseLostError, PurchaseSync

__all__ = [
    "JudgementOutdatedError",
    "LeaseLostError",
    "PurchaseSync",
    "judged_since",
]
