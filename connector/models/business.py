"""Business: whom a PEX token belongs to, and whether two of them are one (F1).

What a tenant reads is kept by `connector.models.connections`; whether a token may be
used for it is decided by `connector.connections.business`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.api.wire.addresses import origin


@dataclass(frozen=True, slots=True)
class Business:
    """A business account by its number at one PEX.

    `place` is scheme and host: production and sandbox may give two businesses the same
    number. The name is for people only, and may change.
    """

    number: int
    name: str
    place: str

    def __str__(self) -> str:
        name = self.name or "a business without a name"
        return f"{name} (business {self.number})"

    @property
    def title(self) -> str:
        """What a person types to name it: its name, or its number where it has none."""
        return self.name or str(self.number)

    def is_same(self, other: Business) -> bool:
        return (self.number, self.place) == (other.number, other.place)

    def words_beside(self, other: Business) -> str:
        """As text, with its host where only that tells the two apart."""
        return str(self) if self.place == other.place else f"{self} at {self.place}"

    def to_json(self) -> dict[str, Any]:
        return {"number": self.number, "name": self.name, "place": self.place}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Business:
        return cls(data["number"], data["name"], data["place"])


def place_of(base_url: str) -> str:
    """Scheme and host of PEX's address, as `Business.place` has them."""
    return "://".join(origin(base_url))
