"""One run: its row, and what it ended with for each purchase (`outcome`)."""

from sync.models.run.row import RunLostError, SyncRun

__all__ = ["RunLostError", "SyncRun"]
