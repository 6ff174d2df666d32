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

from connector.api.parsing import parse_json
from connector.api.pex.reading import (
    UnreadableError,
    read_amount,
    read_approval,
    read_eastern,
    read_flag,
    read_id,
    read_or_none,
    read_text,
    read_type,
)

MARKER_TEXT = "Synced with CMiC"


@dataclass(frozen=True, slots=True)
class TagValue:
    """One tag chosen on a purchase or on a split; `value` is None if unreadable."""

    tag_id: str
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Split:
    """One allocation of a purchase. `amount` is positive, None if unreadable."""

    amount: Decimal | None
    tags: tuple[TagValue, ...]


@dataclass(frozen=True, slots=True)
class Note:
    note_id: int | None
    text: str

    @property
    def is_marker(self) -> bool:
        return MARKER_TEXT.casefold() in self.text.casefold()


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
        tags, splits = reader.tags()
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
            approval=read_approval(row.get("MetadataApprovalStatus")),
            notes=read_notes(row.get("TransactionNotes")),
            tags=tags,
            splits=splits,
            unreadable=tuple(reader.unreadable),
        )


@dataclass(frozen=True, slots=True)
class PurchaseList:
    """A window's rows, each once, and how many could not even be identified.

    `is_whole` is false where rows are missing, or may be.
    """

    purchases: tuple[Purchase, ...]
    unidentified: int
    is_whole: bool


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
                    value=read_text(option.get("Value"), numbers=True),
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
            status=read_text(data.get("UploadStatus")).casefold(),
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

    def tags(self) -> tuple[tuple[TagValue, ...], tuple[Split, ...]]:
        """Plain tags and splits; a split's value is an object or the same as text.

        Several entries with one FieldId are the lines of an allocation (§2.5).
        """
        data = self._row.get("TransactionTags")
        if data is None:
            return (), ()
        entries = data.get("Tags") if isinstance(data, Mapping) else data
        if entries is None:
            return (), ()
        if not isinstance(entries, list):
            self.unreadable.append("TransactionTags")
            return (), ()
        tags: list[TagValue] = []
        splits: list[Split] = []
        for entry in entries:
            try:
                found = _read_tag_entry(entry)
            except UnreadableError:
                self.unreadable.append("TransactionTags")
                continue
            if isinstance(found, Split):
                splits.append(found)
            elif found is not None:
                tags.append(found)
        return tuple(tags), tuple(splits)


def _read_tag_entry(entry: Any) -> TagValue | Split | None:
    if not isinstance(entry, Mapping):
        raise UnreadableError("a tag is not an object")
    value = entry.get("Value")
    if value is None:
        return None
    allocation = _allocation(value)
    if allocation is not None:
        return _read_split(allocation)
    text = _tag_text(value)
    if text == "":
        return None
    return TagValue(
        tag_id=read_text(entry.get("FieldId")),
        name=read_text(entry.get("Name")),
        value=text,
    )


def _tag_text(value: Any) -> str | None:
    """Dropdowns and texts are strings, decimals numbers, yes/no tags booleans."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, int, Decimal)):
        return read_text(value, numbers=True)
    return None


def _allocation(value: Any) -> Mapping[str, Any] | None:
    """The split that a value is, if it is one; a text may just begin with a brace."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        is_split = '"Allocation"' in value
        try:
            value = parse_json(value)
        except ValueError as error:
            if is_split:
                raise UnreadableError("a split is no JSON") from error
            return None
    if isinstance(value, Mapping) and "Allocation" in value:
        return value
    return None


def _read_split(data: Mapping[str, Any]) -> Split:
    entries = data.get("Allocation")
    if not isinstance(entries, list):
        raise UnreadableError("a split has no list of tags")
    tags = []
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise UnreadableError("a split's tag is not an object")
        value = _tag_text(entry["Value"]) if entry.get("Value") is not None else ""
        if value != "":
            tags.append(
                TagValue(
                    tag_id=read_text(entry.get("TagId")),
                    name=read_text(entry.get("Name")),
                    value=value,
                )
            )
    return Split(amount=read_or_none(read_amount, data.get("Amount")), tags=tuple(tags))


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
