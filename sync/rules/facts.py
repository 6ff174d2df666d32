"""What PEX said of a purchase, kept with its row so that it can be judged again without
asking PEX. Pure: a purchase to JSON and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from connector.api.pex.split_types import Split, TagValue
from connector.api.pex.types import MARKER_TEXT, Note, Purchase

_TEXTS = ("type", "category", "merchant", "approval")
_FLAGS = ("is_pending", "is_declined", "has_attachments")
_IDS = ("account_id", "authorization_id")
_MOMENTS = ("occurred_at", "settled_at")


def to_json(purchase: Purchase) -> dict[str, Any]:
    """Of its notes, only whether one is the marker."""
    plain = {name: getattr(purchase, name) for name in (*_TEXTS, *_FLAGS, *_IDS)}
    moments = {name: getattr(purchase, name) for name in _MOMENTS}
    return {
        **plain,
        **{name: each and each.isoformat() for name, each in moments.items()},
        "amount": _text(purchase.amount),
        "is_marked": purchase.is_marked,
        "tags": _tags(purchase.tags),
        "splits": [
            {
                "amount": _text(split.amount),
                "tags": _tags(split.tags),
                "exact": _text(split.exact),
            }
            for split in purchase.splits
        ],
        "odd_splits": list(purchase.odd_splits),
        "unreadable": list(purchase.unreadable),
    }


def from_json(transaction_id: int, data: Mapping[str, Any]) -> Purchase:
    plain = {name: data[name] for name in (*_TEXTS, *_FLAGS, *_IDS)}
    moments: dict[str, Any] = {
        name: datetime.fromisoformat(data[name]) if data[name] else None
        for name in _MOMENTS
    }
    return Purchase(
        transaction_id=transaction_id,
        amount=_amount(data["amount"]),
        notes=(Note(None, MARKER_TEXT),) if data["is_marked"] else (),
        tags=_read_tags(data["tags"]),
        splits=tuple(
            Split(
                _amount(split["amount"]),
                _read_tags(split["tags"]),
                _amount(split.get("exact")),
            )
            for split in data["splits"]
        ),
        # Rows that an earlier release judged have none, nor `exact`.
        odd_splits=tuple(data.get("odd_splits", ())),
        unreadable=tuple(data["unreadable"]),
        **plain,
        **moments,
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _tags(tags: Iterable[TagValue]) -> list[list[str | None]]:
    return [[tag.tag_id, tag.name, tag.value] for tag in tags]


def _read_tags(rows: Iterable[list[str]]) -> tuple[TagValue, ...]:
    return tuple(TagValue(*row) for row in rows)
