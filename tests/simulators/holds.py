"""Hold points: where a test makes a request wait, and lets it go again.

Which points there are, and when one is reached, is left to each simulator.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

LONGEST_HOLD = 120.0


class HoldPoints:
    """Named places in the handling of a request where a test can make it wait."""

    def __init__(self, points: Iterable[str]) -> None:
        self.points = frozenset(points)
        self._armed: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._releases: Counter[str] = Counter()
        self._changed = threading.Condition()

    def hold(self, point: str, times: int = 1) -> None:
        self._check(point)
        with self._changed:
            self._armed[point] = times

    def release(self, point: str | None = None) -> None:
        """Let go whoever waits, and stop holding; every point when none is named."""
        if point is not None:
            self._check(point)
        with self._changed:
            for name in [point] if point else self.points:
                self._armed[name] = 0
                self._releases[name] += 1
            self._changed.notify_all()

    def wait_until_held(
        self, point: str, timeout: float = 30.0, count: int = 1
    ) -> None:
        """Return once so many requests wait at the point; else raises TimeoutError."""
        self._check(point)
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._waiting[point] >= count, timeout
            ):
                raise TimeoutError(f"no request reached {point!r} in {timeout} s")

    def reach(self, point: str) -> None:
        self._check(point)
        with self._changed:
            if self._armed[point] <= 0:
                return
            self._armed[point] -= 1
            self._waiting[point] += 1
            self._changed.notify_all()
            seen = self._releases[point]
            self._changed.wait_for(
                lambda: self._releases[point] != seen, timeout=LONGEST_HOLD
            )
            self._waiting[point] -= 1
            self._changed.notify_all()

    def held(self) -> dict[str, int]:
        with self._changed:
            return {point: self._waiting[point] for point in sorted(self.points)}

    def _check(self, point: str) -> None:
        if point not in self.points:
            known = ", ".join(sorted(self.points))
            raise ValueError(f"unknown hold point {point!r}; known: {known}")
