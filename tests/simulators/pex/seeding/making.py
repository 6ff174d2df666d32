"""Makes card transactions with their tags, splits and receipts; which ones a business
has is left to `seed` and to the tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import Any

from tests.simulators.exact_json import to_json
from tests.simulators.pex.books import Books
from tests.simulators.pex.entities import (
    INCOMING,
    LOADED,
    Attachment,
    Cardholder,
    Merchant,
    Transaction,
    wall_clock,
)
from tests.simulators.pex.seeding.receipts import LABELS, Slip, draw
from tests.simulators.pex.tags import SPLIT_ID, TagBook

OBJECT, TEXT, MIXED = "object", "text", "mixed"
Tags = Mapping[str, Any]
Splits = Sequence[tuple[Decimal | str, Tags]]


@dataclass(frozen=True)
class Paper:
    """A receipt: a file given, or a form to draw."""

    form: str | None = None
    content: bytes | None = None
    label: str | None = None
    status: str = LOADED


@dataclass(frozen=True)
class Plan:
    """All there is to say about a transaction before it has an id."""

    kind: str
    amount: Decimal
    cardholder: Cardholder
    merchant: Merchant | None
    held_at: datetime
    settled_at: datetime | None
    story: str = "added"
    approval: str | None = "NotReviewed"
    tags: Tags | None = None
    splits: Splits = ()
    split_form: str = MIXED
    notes: tuple[str, ...] = ()
    has_null_notes: bool = True
    papers: tuple[Paper, ...] = ()
    is_declined: bool = False

    @property
    def moment(self) -> datetime:
        return self.settled_at or self.held_at


def enter(books: Books, tag_book: TagBook, plan: Plan) -> Transaction:
    auth_id, settled_id = books.next_ids()
    is_settled = plan.settled_at is not None
    sign = 1 if plan.kind in INCOMING else -1
    transaction = Transaction(
        id=settled_id if is_settled else auth_id,
        auth_id=auth_id if is_settled and plan.merchant else 0,
        cardholder=plan.cardholder,
        kind=plan.kind,
        amount=sign * abs(plan.amount) if plan.amount else Decimal(0),
        held_at=plan.held_at,
        settled_at=plan.settled_at,
        merchant=plan.merchant,
        story=plan.story,
        approval=plan.approval,
        tags=tag_entries(tag_book, plan.tags, plan.splits, plan.split_form),
        has_null_notes=plan.has_null_notes,
        is_declined=plan.is_declined,
    )
    transaction.notes = tuple(
        books.new_note(
            text,
            author=plan.cardholder.username,
            at=min(plan.moment + timedelta(hours=9), books.now()),
        )
        for text in plan.notes
    )
    transaction.attachments = attachments_of(transaction, plan.papers)
    return books.add(transaction)


def attachments_of(
    transaction: Transaction, papers: Sequence[Paper]
) -> tuple[Attachment, ...]:
    return tuple(
        _attachment(transaction, paper, number)
        for number, paper in enumerate(papers, start=1)
    )


def tag_entries(
    tag_book: TagBook, tags: Tags | None, splits: Splits, form: str = MIXED
) -> tuple[dict[str, Any], ...] | None:
    """Tags by name as a transaction carries them; KeyError for an unknown name."""
    if tags is None and not splits:
        return None
    entries = [
        {"FieldId": found.id, "Value": value, "Name": found.name}
        for name, value in (tags or {}).items()
        if (found := tag_book.named(name))
    ]
    for number, (amount, values) in enumerate(splits):
        line = {
            "TagId": SPLIT_ID,
            "Allocation": [
                {"TagId": tag_book.named(name).id, "Value": value}
                for name, value in values.items()
            ],
            "Amount": amount,
        }
        as_text = form == TEXT or (form == MIXED and number % 2 == 0)
        value = to_json(line) if as_text else line
        entries.append({"FieldId": SPLIT_ID, "Value": value, "Name": "Split"})
    return tuple(entries)


def _attachment(transaction: Transaction, paper: Paper, number: int) -> Attachment:
    identity = sha256(f"{transaction.auth_id}/{transaction.id}/{number}".encode())
    label = paper.label or LABELS.get(paper.form or "", "Image")
    return Attachment(
        id=identity.hexdigest()[:24],
        label=label,
        status=paper.status,
        created_at=transaction.held_at + timedelta(hours=2, minutes=number),
        produce=partial(_produce, transaction, paper, number),
    )


def _produce(transaction: Transaction, paper: Paper, number: int) -> bytes:
    if paper.content is not None:
        return paper.content
    merchant = transaction.merchant
    slip = Slip(
        merchant=merchant.name if merchant else "PEX",
        at=wall_clock(transaction.held_at),
        total=abs(transaction.amount),
        items=merchant.items if merchant else ("Adjustment",),
        number=transaction.id,
        copy=number,
    )
    return draw(paper.form or "png", slip)
