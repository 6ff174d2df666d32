"""What people do in PEX, and tests in their place."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.simulators.pex.answers.summary import transaction_summary
from tests.simulators.pex.books import Books
from tests.simulators.pex.entities import (
    KINDS,
    LOADED,
    PURCHASE,
    REFUND,
    Cardholder,
    Merchant,
    Transaction,
)
from tests.simulators.pex.seeding.making import (
    MIXED,
    Paper,
    Plan,
    Splits,
    attachments_of,
    enter,
    tag_entries,
)
from tests.simulators.pex.seeding.people import CARDHOLDERS, MERCHANTS
from tests.simulators.pex.seeding.receipts import FORMATS
from tests.simulators.pex.tags import Option, TagBook

# A file given (content, label, status), or "pdf", "png" or "jpeg" to have one drawn.
Receipt = tuple[bytes, str, str] | tuple[bytes, str] | str
DEFAULT_MERCHANT = MERCHANTS[1]


class Office:
    """The people's side of the books; serving them is left to the simulator."""

    books: Books
    tag_book: TagBook
    cardholders: Sequence[Cardholder] = CARDHOLDERS

    def add_purchase(
        self,
        amount: Decimal | str,
        *,
        merchant: str | Merchant = DEFAULT_MERCHANT,
        tags: Mapping[str, Any] | None = None,
        splits: Splits = (),
        split_form: str = MIXED,
        approved: bool | str | None = True,
        receipts: Sequence[Receipt] = (),
        when: datetime | None = None,
        pending: bool = False,
        declined: bool = False,
        kind: str = PURCHASE,
        note: str | Sequence[str] | None = None,
        cardholder: str | int | None = None,
        story: str = "added",
    ) -> int:
        """Enter one row and answer its id. `amount` is without a sign: the kind gives
        it; `when` is the TransactionTime, two days ago unless given.

        Notes: None is shown as null, an empty list as []. Raises ValueError for a kind,
        tag or cardholder that is not known.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}")
        is_settled = not pending and not declined
        age = timedelta(days=2) if is_settled else timedelta(hours=1)
        moment = (when or self.books.now() - age).replace(microsecond=0)
        held_at = moment - timedelta(days=1) if is_settled else moment
        is_anonymous = kind not in (PURCHASE, REFUND)
        plan = Plan(
            kind=kind,
            amount=Decimal(amount),
            cardholder=self._cardholder(cardholder),
            merchant=None if is_anonymous else _merchant(merchant),
            held_at=held_at,
            settled_at=moment if is_settled else None,
            story=story,
            approval=_approval(approved),
            tags=tags,
            splits=splits,
            split_form=split_form,
            notes=(note,) if isinstance(note, str) else tuple(note or ()),
            has_null_notes=note is None,
            papers=tuple(_paper(one) for one in receipts),
            is_declined=declined,
        )
        try:
            return enter(self.books, self.tag_book, plan).id
        except KeyError as error:
            raise ValueError(f"unknown tag {error}") from error

    def transactions(self) -> list[Transaction]:
        return self.books.rows()

    def transaction(self, transaction_id: int) -> Transaction:
        return self.books.find(transaction_id)

    def change(
        self,
        transaction_id: int,
        *,
        approved: bool | str | None = None,
        amount: Decimal | str | None = None,
        tags: Mapping[str, Any] | None = None,
        splits: Splits = (),
        receipts: Sequence[Receipt] | None = None,
    ) -> None:
        """What people change in PEX afterwards; what is not named stays."""
        with self.books.lock:
            row = self.books.find(transaction_id)
            if approved is not None:
                row.approval = _approval(approved)
            if amount is not None:
                row.amount = Decimal(amount).copy_sign(row.amount)
            if tags is not None or splits:
                row.tags = tag_entries(self.tag_book, tags, splits)
                row.tags_version += 1
            if receipts is not None:
                papers = [_paper(one) for one in receipts]
                row.attachments = attachments_of(row, papers)

    def raw(self, transaction_id: int) -> dict[str, Any]:
        """Members that replace those of the listed row, whatever their type."""
        return self.books.find(transaction_id).overrides

    def override(self, transaction_id: int, **members: Any) -> None:
        self.raw(transaction_id).update(members)

    def notes(self, transaction_id: int) -> list[str]:
        return [note.text for note in self.books.find(transaction_id).notes]

    def markers(self, transaction_id: int) -> int:
        return sum(note.is_marker for note in self.books.find(transaction_id).notes)

    def add_note(self, transaction_id: int, text: str) -> int:
        return self.books.add_note(transaction_id, text, is_system=False).id

    def remove_note(self, transaction_id: int, note_id: int | None = None) -> int:
        """Remove one note, or every marker; answers how many went."""
        return self.books.remove_notes(transaction_id, note_id)

    def settle(
        self,
        pending_id: int,
        amount: Decimal | str | None = None,
        at: datetime | None = None,
    ) -> int:
        """Replace a pending row by a settled one; answers the new id."""
        final = None if amount is None else Decimal(amount)
        return self.books.settle(pending_id, final, at).id

    def remove(self, transaction_id: int) -> None:
        self.books.remove(transaction_id)

    def receipt_bytes(self, transaction_id: int) -> list[bytes]:
        return [one.content for one in self.books.find(transaction_id).attachments]

    def options(self, tag: str) -> list[Option]:
        return list(self.tag_book.named(tag).options)

    def delete_tag(self, tag: str) -> None:
        """Delete a definition by name; transactions keep referring to it."""
        self.tag_book.delete(self.tag_book.named(tag).id)

    def _cardholder(self, who: str | int | None) -> Cardholder:
        for one in self.cardholders:
            if who is None or who in (one.account_id, one.name):
                return one
        raise ValueError(f"unknown cardholder {who!r}")

    def purchase_at_door(
        self, amount: str, when: str | None = None, **others: Any
    ) -> dict[str, Any]:
        moment = datetime.fromisoformat(when) if when else None
        new = self.add_purchase(Decimal(str(amount)), when=moment, **others)
        return transaction_summary(self.books.find(new))


def _merchant(merchant: str | Merchant) -> Merchant:
    if isinstance(merchant, Merchant):
        return merchant
    known = (one for one in MERCHANTS if one.name == merchant)
    return next(known, Merchant(merchant, merchant.title(), "5251"))


def _approval(approved: bool | str | None) -> str | None:
    if isinstance(approved, bool):
        return "Approved" if approved else "NotReviewed"
    return approved


def _paper(receipt: Receipt) -> Paper:
    """Raises ValueError for a form that cannot be drawn."""
    if isinstance(receipt, str):
        if receipt not in FORMATS:
            raise ValueError(f"unknown receipt {receipt!r}; known: {FORMATS}")
        return Paper(receipt)
    content, label, *status = receipt
    if isinstance(content, str):
        # Through the door, which speaks JSON.
        content = b64decode(content)
    return Paper(None, content, label, status[0] if status else LOADED)
