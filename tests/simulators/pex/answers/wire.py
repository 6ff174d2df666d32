"""How rows of the books look on the wire, member by member; reading requests is left
to `asking`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.simulators.pex.entities import (
    KINDS,
    Attachment,
    Cardholder,
    Note,
    Transaction,
    wall_clock,
)
from tests.simulators.pex.seeding.people import ADMIN_NAME, BUSINESS_ID

FIELDS_VERSION = "65f0c1a2b3c4d5e6f7a8b9ff"
CENTRAL_LAG = timedelta(hours=1)
CATEGORY_IDS = {
    "Spend": 1,
    "Dispute": 2,
    "CardAccountFee": 3,
    "BusinessRebate": 4,
    "VendorBillPay": 5,
}
# In an override: leave the member out altogether.
MISSING: Final = object()
Row = dict[str, Any]


def eastern(moment: datetime | None) -> str | None:
    return wall_clock(moment).isoformat() if moment else None


def utc(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _overridden(row: Row, overrides: Row) -> Row:
    row.update(overrides)
    return {name: value for name, value in row.items() if value is not MISSING}


def details_row(transaction: Transaction, hide_notes_after: int | None = None) -> Row:
    """A row of the Details family."""
    kind, category, description = KINDS[transaction.kind]
    notes = visible_notes(transaction, hide_notes_after)
    held_at = eastern(transaction.held_at)
    settled_at = eastern(transaction.settled_at)
    is_network = kind == "Network"
    if transaction.is_pending:
        description = "Authorization"
    elif transaction.is_declined:
        description = "Decline"
    row = {
        "TransactionId": transaction.id,
        "AcctId": transaction.cardholder.account_id,
        "TransactionTime": settled_at or held_at,
        "MerchantLocalTime": (
            wall_clock(transaction.held_at) - CENTRAL_LAG
        ).isoformat(),
        "HoldTime": None if transaction.is_declined else held_at,
        "SettlementTime": settled_at,
        "AuthTransactionId": transaction.auth_id,
        "TransactionAmount": transaction.amount,
        "PaddingAmount": 0.0,
        "TransactionType": kind,
        "Description": description,
        "TransactionNotes": _details_notes(transaction, notes),
        "IsPending": transaction.is_pending,
        "IsDecline": transaction.is_declined,
        **_details_merchant(transaction),
        "TransferToOrFromAccountId": 0,
        "AuthIdentityResponseCode": None,
        "MerchantId": "000445566778899" if is_network else None,
        "TerminalId": "00412001" if is_network else None,
        "NetworkTransactionId": _network_id(transaction),
        "SourceCurrencyCodeDescription": None,
        "SourceCurrencyNumericCode": None,
        "SourceAmount": None,
        "TransactionTags": _details_tags(transaction),
        "MetadataApprovalStatus": transaction.approval,
        "TransactionTypeCategory": category,
    }
    if transaction.overrides:
        return _overridden(row, transaction.overrides)
    return row


def visible_notes(transaction: Transaction, after: int | None) -> tuple[Note, ...]:
    if after is None:
        return transaction.notes
    return tuple(note for note in transaction.notes if note.id <= after)


def _network_id(transaction: Transaction) -> int | None:
    return transaction.id - 349_000_000 if transaction.is_network else None


def _details_merchant(transaction: Transaction) -> Row:
    merchant = transaction.merchant
    return {
        "MerchantName": merchant.name if merchant else None,
        "MerchantNameNormalized": merchant.normalized if merchant else None,
        "MerchantUrl": None,
        "MerchantLogoUrl": None,
        "MerchantIconUrl": None,
        "MerchantCity": merchant.city if merchant else None,
        "MerchantState": merchant.state if merchant else None,
        "MerchantZip": merchant.zip_code if merchant else None,
        "MerchantCountry": "USA",
        "MCCCode": merchant.mcc if merchant else None,
    }


def _details_notes(
    transaction: Transaction, notes: tuple[Note, ...]
) -> list[Row] | None:
    if not notes and transaction.has_null_notes:
        return None
    return [
        {
            "NoteId": note.id,
            "NoteText": note.text,
            **_person("User", note.author),
            "NoteDate": eastern(note.created_at),
            **_person("UpdatedUser", ADMIN_NAME if note.updated_at else None),
            "UpdatedDate": eastern(note.updated_at),
            "SystemGenerated": note.is_system,
        }
        for note in notes
    ]


def _person(prefix: str, username: str | None) -> Row:
    first, last = _split_name(username)
    return {
        f"{prefix}Name": username,
        f"{prefix}FirstName": first,
        f"{prefix}MiddleName": None,
        f"{prefix}LastName": last,
    }


def _split_name(username: str | None) -> tuple[str | None, str | None]:
    if username is None:
        return None, None
    first, _, last = username.partition(".")
    return first.title(), last.title()


def _details_tags(transaction: Transaction) -> Row | None:
    if transaction.tags is None:
        return None
    return {
        "Tags": list(transaction.tags),
        "State": "Selected" if transaction.tags else "Initial",
        "FieldsVersion": FIELDS_VERSION,
    }


def purchase_row(transaction: Transaction, hide_notes_after: int | None = None) -> Row:
    """A row of the newer Transactions family."""
    merchant = transaction.merchant
    held_at = eastern(transaction.held_at)
    row = {
        "BusinessId": BUSINESS_ID,
        "CardholderId": transaction.cardholder.account_id,
        "TransactionId": transaction.id,
        "NetworkTransactionId": _network_id(transaction),
        "AuthTransactionId": transaction.auth_id or None,
        "RelationshipId": relationship_id(transaction),
        "TransactionTime": eastern(transaction.moment),
        "TransactionAuthTime": held_at,
        "TransactionHoldTime": held_at,
        "IsPending": transaction.is_pending,
        "Description": merchant.name if merchant else KINDS[transaction.kind][2],
        "Amount": transaction.amount,
        "CurrencyDesc": "US Dollar",
        "CurrencyCode": "840",
        "SourceAmount": None,
        "SourceCurrencyDesc": None,
        "SourceCurrencyCode": None,
        "Category": {
            "CategoryId": CATEGORY_IDS[transaction.category],
            "CategoryName": transaction.category,
        },
        "Merchant": _purchase_merchant(transaction),
        "Account": {"Type": "Cardholder", "Id": transaction.cardholder.account_id},
        "Approval": plain_approval(transaction.approval),
        "HasAttachments": bool(transaction.attachments),
        "Notes": [
            _purchase_note(note)
            for note in visible_notes(transaction, hide_notes_after)
        ],
        "Tags": [
            {"Id": tag["FieldId"], "Name": tag["Name"], "Value": _as_text(tag["Value"])}
            for tag in transaction.tags or ()
        ],
    }
    known = {name: v for name, v in transaction.overrides.items() if name in row}
    return _overridden(row, known) if known else row


def relationship_id(transaction: Transaction) -> int:
    return transaction.id + 491_000_000


def plain_approval(approval: str | None) -> str:
    return (approval or "NotReviewed").replace(" ", "")


def _purchase_merchant(transaction: Transaction) -> Row | None:
    merchant = transaction.merchant
    if merchant is None:
        return None
    return {
        "Id": 50_000 + int(merchant.mcc),
        "Name": merchant.name,
        "NameNormalized": merchant.normalized,
        "MccCode": merchant.mcc,
        "City": merchant.city,
        "State": merchant.state,
        "Country": "USA",
        "Zip": merchant.zip_code,
        "WebsiteUrl": None,
        "LogoUrl": None,
        "IconUrl": None,
    }


def _purchase_note(note: Note) -> Row:
    first, last = _split_name(note.author)
    created = {
        "Username": note.author,
        "FirstName": first,
        "MiddleName": None,
        "LastName": last,
        "Email": f"{note.author}@example.com",
        "Time": eastern(note.created_at),
    }
    updated = {**created, "Time": eastern(note.updated_at)} if note.updated_at else None
    return {
        "Id": note.id,
        "Content": note.text,
        "SystemGenerated": note.is_system,
        "Created": created,
        "Updated": updated,
    }


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def attachment_row(transaction: Transaction, one: Attachment) -> Row:
    return {
        "AttachmentId": one.id,
        "Type": one.label,
        "Size": one.size,
        "UploadStatus": one.status,
        "CreatedDateUtc": utc(one.created_at),
        "CreatedBy": _cardholder_author(transaction.cardholder),
        "UpdatedDateUtc": None,
        "UpdatedBy": None,
    }


def _cardholder_author(cardholder: Cardholder) -> Row:
    return {
        "AdminId": None,
        "UserId": cardholder.account_id - 328_724,
        "PexUserId": cardholder.account_id + 989_174_220,
        "UserName": cardholder.username,
        "FirstName": cardholder.first_name,
        "LastName": cardholder.last_name,
    }
