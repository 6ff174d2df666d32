"""What should happen next, as the engine tells `sync.tasks`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# A message that is not taken up for so long is taken for lost.
MESSAGE_LOST_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Step:
    """Prepare the run, or (with a `lane_set`) run one lane of it, after `delay` s.

    `beat` is the newest heartbeat that the lane knows of: a database that knows only
    older ones is one that was put back.
    """

    run_id: int
    queue: str
    lane_set: int | None = None
    delay: float = 0.0
    beat: datetime | None = None
