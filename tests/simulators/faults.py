"""Faults by name: which are on, for which requests and how many times more.

What a fault does to an answer is left to the simulator that takes it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    name: str
    times: int | None = None
    match: str | None = None
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, str | None, Any]:
        return self.name, self.match, self.get("module")

    def get(self, key: str, default: Any = None) -> Any:
        return self.params.get(key, default)

    def concerns(self, keys: tuple[str, ...], about: Mapping[str, Any]) -> bool:
        if self.match is not None and not any(self.match in key for key in keys):
            return False
        return all(self.get(name, value) == value for name, value in about.items())


class Faults:
    """The faults switched on, out of a fixed set of names."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._active: list[Fault] = []
        self._used: Counter[str] = Counter()
        self._lock = threading.Lock()

    def set(
        self,
        name: str,
        times: int | None = None,
        match: str | None = None,
        **params: Any,
    ) -> None:
        """Switch a fault on: for ever or `times` times, for requests matching `match`.

        The same name and match (and `module`) again replaces what was set. Raises
        ValueError for a name that the simulator does not know.
        """
        if name not in self.names:
            known = ", ".join(sorted(self.names))
            raise ValueError(f"unknown fault {name!r}; known: {known}")
        if times is not None and times < 1:
            raise ValueError("times must be at least 1")
        new = Fault(name, times, match, params)
        with self._lock:
            others = [f for f in self._active if f.identity != new.identity]
            self._active = [*others, new]

    def clear(self, name: str | None = None) -> None:
        with self._lock:
            self._active = [
                fault for fault in self._active if name and fault.name != name
            ]

    def take(self, name: str, *keys: str, **about: Any) -> Fault | None:
        """Use up one turn of a fault that is on for one of the keys, or answer None.

        A parameter of the fault that is also named in `about` must agree with it.
        """
        with self._lock:
            for fault in self._active:
                if fault.name == name and fault.concerns(keys, about):
                    self._spend(fault)
                    return fault
        return None

    def used(self, name: str) -> int:
        return self._used[name]

    def active(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {"name": f.name, "times": f.times, "match": f.match, **f.params}
                for f in self._active
            ]

    def _spend(self, fault: Fault) -> None:
        self._used[fault.name] += 1
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self._active.remove(fault)
