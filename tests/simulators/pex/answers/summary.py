"""The books as the control door shows them, shorter than on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from tests.simulators.pex.answers.wire import eastern
from tests.simulators.pex.entities import Attachment, Transaction

Row = dict[str, Any]


def transaction_summary(transaction: Transaction) -> Row:
    return {
        "id": transaction.id,
        "auth_id": transaction.auth_id,
        "kind": transaction.kind,
        "story": transaction.story,
        "amount": transaction.amount,
        "at": eastern(transaction.moment),
        "is_pending": transaction.is_pending,
        "is_declined": transaction.is_declined,
        "merchant": transaction.merchant.name if transaction.merchant else None,
        "cardholder": transaction.cardholder.name,
        "approval": transaction.approval,
        "tags": _plain_tags(transaction.tags),
        "splits": _splits(transaction.tags),
        "notes": [note.text for note in transaction.notes],
        "note_ids": [note.id for note in transaction.notes],
        "attachments": [attachment_summary(one) for one in transaction.attachments],
    }


def attachment_summary(one: Attachment) -> Row:
    return {
        "id": one.id,
        "type": one.label,
        "status": one.status,
        "size": one.size,
        "sha256": sha256(one.content).hexdigest(),
    }


def split_value(tag: Row) -> Row | None:
    """The split line in a tag's value, whether an object or JSON text."""
    value = tag["Value"]
    if isinstance(value, str) and value.startswith("{"):
        value = json.loads(value)
    return value if isinstance(value, dict) else None


def _plain_tags(tags: Iterable[Row] | None) -> Row | None:
    if tags is None:
        return None
    return {tag["Name"]: tag["Value"] for tag in tags if split_value(tag) is None}


def _splits(tags: Iterable[Row] | None) -> list[Row]:
    lines = [line for tag in tags or () if (line := split_value(tag))]
    return [
        {
            "amount": str(line["Amount"]),
            "values": {part["TagId"]: part["Value"] for part in line["Allocation"]},
        }
        for line in lines
    ]
