"""What PEX says, as frozen values: read once at the edge, never as dicts inside.

One unreadable field never costs more than that field: `Purchase.unreadable` names it
and the rules turn the name into a reason. Sources: api/pex.md §2-§5, decisions §11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from connector.api.code_texts import alike
from connector.api.pex.reading import (
    UnreadableError,
    read_amount,
    read_code,
    read_eastern,
    read_flag,
    read_id,
    read_or_none,
    read_text,
    read_type,
    read_word,
)
from connector.api.pex.split_types import Split, TagValue, read_tags

MARKER_TEXT = "Synced with CMiC"


@dataclass(frozen=True, slots=True)
class Note:
    note_id: int | None
    text: str

    @property
    def is_marker(self) -> bool:
        """A person may have copied it, with spaces that do not break."""
        wanted = MARKER_TEXT.casefold()
        return wanted in self.text.casefold() or wanted in alike(self.text).casefold()


@dataclass(frozen=True, slots=True)
class Purchase:
    """One row of PEX's transaction list, card purchase or not.

    `amount` has PEX's sign: negative is money spent. Moments are aware UTC; PEX
    reports them as US Eastern wall-clock time (§1.5). `approval` is lower case
    without spaces, empty if PEX gives none.
    """

    transaction_id: int
    account_id: int | None = None
    authorization_id: int | None = None
    amount: Decimal | None = None
    occurred_at: datetime | None = None
    settled_at: datetime | None = None
    is_pending: bool = False
    is_declined: bool = False
    type: str = ""
    category: str = ""
    merchant: str = ""
    approval: str = ""
    notes: tuple[Note, ...] = ()
    tags: tuple[TagValue, ...] = ()
    splits: tuple[Split, ...] = ()
    # What cannot be read of splits, as the ends of sentences (`ChosenTags`).
    odd_splits: tuple[str, ...] = ()
    has_attachments: bool | None = None
    unreadable: tuple[str, ...] = field(default=())

    @property
    def is_marked(self) -> bool:
        return any(note.is_marker for note in self.notes)

    @classmethod
    def from_api(cls, row: Any) -> Purchase:
        """Read a row of `Details/AllCardholderTransactions`.

        Raises `UnreadableError` only if the row has no usable TransactionId.
        """
        if not isinstance(row, Mapping):
            raise UnreadableError("the row is not an object")
        reader = _Reader(row)
        transaction_id = read_id(row.get("TransactionId"))
        if transaction_id is None:
            raise UnreadableError("the row has no TransactionId")
        chosen = read_tags(row.get("TransactionTags"))
        if not chosen.is_readable:
            reader.unreadable.append("TransactionTags")
        return cls(
            transaction_id=transaction_id,
            account_id=reader.optional(read_id, "AcctId"),
            authorization_id=reader.optional(read_id, "AuthTransactionId"),
            amount=reader.required(read_amount, "TransactionAmount"),
            occurred_at=reader.required(read_eastern, "TransactionTime"),
            settled_at=reader.checked(read_eastern, "SettlementTime"),
            is_pending=reader.checked(read_flag, "IsPending") or False,
            is_declined=reader.checked(read_flag, "IsDecline") or False,
            type=reader.required(read_type, "TransactionType") or "",
            category=read_text(row.get("TransactionTypeCategory")).casefold(),
            merchant=read_text(row.get("MerchantName"))
            or read_text(row.get("MerchantNameNormalized")),
            approval=read_word(row.get("MetadataApprovalStatus")),
            notes=read_notes(row.get("TransactionNotes")),
            tags=tuple(chosen.tags),
            splits=tuple(chosen.splits),
            odd_splits=tuple(chosen.odd_splits),
            unreadable=tuple(reader.unreadable),
        )


@dataclass(frozen=True, slots=True)
class PurchaseList:
    """A window's rows, each once, and how many could not even be identified.

    `is_whole` is false where rows are missing, or may be; `is_cut` is true where PEX
    gave only some and not how to go on.
    """

    purchases: tuple[Purchase, ...]
    unidentified: int
    is_whole: bool
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """Who a token belongs to and how long it lives (§1.3)."""

    business_id: int | None
    business_name: str
    username: str
    expires_at: datetime | None

    @classmethod
    def from_api(cls, data: Any) -> TokenInfo:
        if not isinstance(data, Mapping):
            raise UnreadableError("the token is not an object")
        return cls(
            business_id=read_id(data.get("BusinessAccountId")),
            business_name=read_text(data.get("BusinessAccountName")),
            username=read_text(data.get("Username")),
            expires_at=read_or_none(read_eastern, data.get("TokenExpiration")),
        )


@dataclass(frozen=True, slots=True)
class TagOption:
    name: str
    value: str
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag's definition. Only dropdowns have options (§5.2)."""

    tag_id: str
    name: str
    type: str
    is_usable: bool
    options: tuple[TagOption, ...] = ()

    @property
    def is_split(self) -> bool:
        """Its values are the splits of a purchase."""
        return self.type in ("allocation", "10")

    @property
    def is_dropdown(self) -> bool:
        return self.type in ("dropdown", "2")

    @classmethod
    def from_api(cls, data: Any) -> Tag:
        if not isinstance(data, Mapping):
            raise UnreadableError("the tag is not an object")
        return cls(
            tag_id=read_text(data.get("Id")),
            name=read_text(data.get("Name")),
            type=read_text(data.get("Type"), numbers=True).casefold(),
            is_usable=data.get("IsEnabled") is not False
            and data.get("IsDeleted") is not True,
            options=tuple(
                TagOption(
                    name=read_text(option.get("Name"), numbers=True),
                    value=read_code(option.get("Value")),
                    is_enabled=option.get("IsEnabled") is not False,
                )
                for option in _list(data.get("Options"))
                if isinstance(option, Mapping)
            ),
        )


def is_same_name(one: str, other: str) -> bool:
    """PEX tells the names of tags apart without their case."""
    return one.casefold() == other.casefold()


def tag_named(tags: Iterable[Tag], name: str) -> Tag | None:
    """The tag of this name: a usable dropdown if there is one, else what is usable."""
    return min(
        (tag for tag in tags if is_same_name(tag.name, name)),
        key=lambda tag: (not tag.is_usable, not tag.is_dropdown),
        default=None,
    )


@dataclass(frozen=True, slots=True)
class Attachment:
    """One receipt in PEX's list; only loaded ones can be downloaded (§4)."""

    attachment_id: str
    status: str
    created_at: str
    # What PEX takes it for, and its bytes as PEX counts them; neither is believed.
    label: str = ""
    size: int | None = None

    @property
    def is_loaded(self) -> bool:
        return self.status == "loaded"

    @classmethod
    def from_api(cls, data: Any) -> Attachment:
        if not isinstance(data, Mapping):
            raise UnreadableError("the attachment is not an object")
        return cls(
            attachment_id=read_text(data.get("AttachmentId"), numbers=True),
            status=read_word(data.get("UploadStatus")),
            created_at=read_text(data.get("CreatedDateUtc")),
            label=read_text(data.get("Type"), numbers=True)[:20],
            size=read_or_none(read_id, data.get("Size")),
        )


class _Reader:
    """Reads fields of one row and remembers which could not be read."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row
        self.unreadable: list[str] = []

    def optional(self, read: Any, name: str) -> Any:
        """None where the field is missing or unreadable: nothing hangs on it."""
        return read_or_none(read, self._row.get(name))

    def checked(self, read: Any, name: str) -> Any:
        """None where the field is missing; unreadable is remembered."""
        try:
            return read(self._row.get(name))
        except UnreadableError:
            self.unreadable.append(name)
            return None

    def required(self, read: Any, name: str) -> Any:
        value = self.checked(read, name)
        if value is None and name not in self.unreadable:
            self.unreadable.append(name)
        return value


def read_notes(value: Any) -> tuple[Note, ...]:
    """Notes of either API generation; null, [] and odd entries are no notes."""
    if not isinstance(value, list):
        return ()
    return tuple(
        Note(
            note_id=read_id(entry.get("NoteId") or entry.get("Id")),
            text=_note_text(entry.get("NoteText") or entry.get("Content")),
        )
        for entry in value
        if isinstance(entry, Mapping)
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _note_text(value: Any) -> str:
    """Whole, unlike other texts: the marker may stand anywhere in it."""
    return value if isinstance(value, str) else ""
