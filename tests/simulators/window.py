"""Counting calls against a rate limit; the limits and the refusals are each API's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class Window:
    """At most `limit` calls in any `seconds`, counted as they come."""

    def __init__(self, limit: int, seconds: float, ticks: Callable[[], float]) -> None:
        self.limit = limit
        self.seconds = seconds
        self._ticks = ticks
        self._taken: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Count one call and answer 0, or the seconds until there is room again."""
        with self._lock:
            now = self._ticks()
            while self._taken and self._taken[0] <= now - self.seconds:
                self._taken.popleft()
            if len(self._taken) >= self.limit:
                return self._taken[0] + self.seconds - now
            self._taken.append(now)
            return 0.0
