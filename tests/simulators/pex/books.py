"""The books of the business: its card transactions with their notes, under one lock."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.simulators.pex.answers.errors import RefusalError, invalid, no_transaction
from tests.simulators.pex.entities import Note, Transaction, wall_clock
from tests.simulators.pex.seeding.people import ADMIN_NAME

FIRST_ID = 419_000_100
FIRST_NOTE_ID = 30_001
LONGEST_NOTE = 200


class Books:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.lock = threading.RLock()
        self._transactions: dict[int, Transaction] = {}
        self._next_id = FIRST_ID
        self._note_ids = itertools.count(FIRST_NOTE_ID)
        self.last_note_id = 0

    def next_ids(self) -> tuple[int, int]:
        """The id of the authorisation, and that of the settled row after it."""
        with self.lock:
            self._next_id += 7
            return self._next_id, self._next_id + 3

    def add(self, transaction: Transaction) -> Transaction:
        with self.lock:
            self._transactions[transaction.id] = transaction
        return transaction

    def rows(self) -> list[Transaction]:
        with self.lock:
            return list(self._transactions.values())

    def remove(self, transaction_id: int) -> None:
        with self.lock:
            self._transactions.pop(self.find(transaction_id).id)

    def find(self, transaction_id: int) -> Transaction:
        with self.lock:
            found = self._transactions.get(transaction_id)
        if found is None:
            raise no_transaction()
        return found

    def new_note(
        self,
        text: str,
        *,
        author: str = ADMIN_NAME,
        at: datetime | None = None,
        is_system: bool = False,
    ) -> Note:
        with self.lock:
            self.last_note_id = next(self._note_ids)
            return Note(self.last_note_id, text, author, at or self.now(), is_system)

    def add_note(self, transaction_id: int, text: Any, *, is_system: bool) -> Note:
        checked = checked_text(text)
        with self.lock:
            transaction = self.find(transaction_id)
            note = self.new_note(checked, is_system=is_system)
            transaction.notes = (*transaction.notes, note)
        return note

    def change_note(self, note_id: int, text: Any) -> None:
        checked = checked_text(text)
        with self.lock:
            holder = self._holder(note_id)
            holder.notes = tuple(
                replace(note, text=checked, updated_at=self.now())
                if note.id == note_id
                else note
                for note in holder.notes
            )

    def delete_note(self, note_id: int) -> None:
        with self.lock:
            holder = self._holder(note_id)
            holder.notes = tuple(note for note in holder.notes if note.id != note_id)

    def remove_notes(self, transaction_id: int, note_id: int | None = None) -> int:
        """Remove one note, or every marker; answers how many went."""
        with self.lock:
            row = self.find(transaction_id)
            kept = tuple(
                note
                for note in row.notes
                if (note.id != note_id if note_id else not note.is_marker)
            )
            gone = len(row.notes) - len(kept)
            row.notes = kept
        return gone

    def settle(
        self, pending_id: int, amount: Decimal | None, at: datetime | None
    ) -> Transaction:
        """Replace a pending row by a settled one with an id of its own."""
        with self.lock:
            pending = self.find(pending_id)
            if not pending.is_pending:
                raise ValueError(f"{pending_id} is not pending")
            _, new_id = self.next_ids()
            settled_at = at or max(pending.held_at + timedelta(days=1), self.now())
            settled = replace(
                pending,
                id=new_id,
                auth_id=pending_id,
                settled_at=settled_at.replace(microsecond=0),
                amount=pending.amount if amount is None else -abs(amount),
                story="settled",
                overrides={},
            )
            del self._transactions[pending_id]
            return self.add(settled)

    def between(
        self, rows: Iterable[Transaction], start: datetime, end: datetime
    ) -> list[Transaction]:
        """Those in an Eastern wall-clock window, both ends included, oldest first."""
        timed = [(row.wall_time, row.id, row) for row in rows]
        return [row for time, _, row in sorted(timed) if start <= time <= end]

    def today(self) -> datetime:
        """The first moment of the Eastern day."""
        return wall_clock(self.now()).replace(hour=0, minute=0, second=0)

    def _holder(self, note_id: int) -> Transaction:
        for row in self._transactions.values():
            if any(note.id == note_id for note in row.notes):
                return row
        raise RefusalError(403, "Note not found")


def checked_text(text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise invalid("The NoteText field is required.")
    if len(text) > LONGEST_NOTE:
        raise invalid(
            "The field NoteText must be a string with a maximum length of "
            f"{LONGEST_NOTE}."
        )
    return text
