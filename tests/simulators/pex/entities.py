"""What PEX keeps about a business, as plain records; how it looks on the wire is
left to `wire`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
MARKER = "synced with cmic"
LOADED = "Loaded"

PURCHASE = "purchase"
REFUND = "refund"
DISPUTE = "dispute"
FEE = "fee"
REBATE = "rebate"
BILL_PAY = "bill_pay"

# Kind to transaction type, category and description.
KINDS = {
    PURCHASE: ("Network", "Spend", "Settlement"),
    REFUND: ("Network", "Spend", "Settlement"),
    DISPUTE: ("Transfer", "Dispute", "Dispute adjustment"),
    FEE: ("Transfer", "CardAccountFee", "ISA Fee"),
    REBATE: ("Transfer", "BusinessRebate", "Rebate Credit"),
    BILL_PAY: ("Transfer", "VendorBillPay", "Bill payment"),
}
INCOMING = {REFUND, DISPUTE, REBATE}


# Without the cache this is most of the cost of a listing of 30,000 rows.
@lru_cache(maxsize=1 << 17)
def wall_clock(moment: datetime) -> datetime:
    """The Eastern wall-clock time without an offset, as PEX reads and writes it."""
    return moment.astimezone(EASTERN).replace(tzinfo=None, microsecond=0)


def from_wall_clock(moment: datetime) -> datetime:
    return moment.replace(tzinfo=EASTERN).astimezone(UTC)


@dataclass(frozen=True)
class Merchant:
    name: str
    normalized: str
    mcc: str
    city: str = "SPRINGFIELD"
    state: str = "IL"
    zip_code: str = "62701"
    items: tuple[str, ...] = ("Supplies",)


@dataclass(frozen=True)
class Cardholder:
    account_id: int
    first_name: str
    last_name: str
    group_id: int
    group: str
    last_digits: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def username(self) -> str:
        name = unicodedata.normalize("NFKD", f"{self.first_name}.{self.last_name}")
        return re.sub(r"[^a-z.-]", "", name.lower())


@dataclass(frozen=True)
class Note:
    id: int
    text: str
    author: str
    created_at: datetime
    is_system: bool = False
    updated_at: datetime | None = None

    @property
    def is_marker(self) -> bool:
        return MARKER in self.text.lower()


@dataclass(frozen=True)
class Attachment:
    id: str
    label: str
    status: str
    created_at: datetime
    produce: Callable[[], bytes]

    @cached_property
    def content(self) -> bytes:
        """The file, drawn when first asked for."""
        return self.produce()

    @property
    def size(self) -> int:
        return len(self.content) if self.status == LOADED else 0


@dataclass
class Transaction:
    """One row of a card. Lists are replaced, never changed, so that a reader without
    the lock sees one state or the other.
    """

    id: int
    auth_id: int
    cardholder: Cardholder
    kind: str
    amount: Decimal
    held_at: datetime
    settled_at: datetime | None
    merchant: Merchant | None
    story: str = "added"
    approval: str | None = "NotReviewed"
    tags: tuple[dict[str, Any], ...] | None = None
    tags_version: int = 1
    notes: tuple[Note, ...] = ()
    has_null_notes: bool = True
    attachments: tuple[Attachment, ...] = ()
    is_declined: bool = False
    overrides: dict[str, Any] = field(default_factory=dict)

    @property
    def is_pending(self) -> bool:
        return self.settled_at is None and not self.is_declined

    @property
    def moment(self) -> datetime:
        return self.settled_at or self.held_at

    @property
    def wall_time(self) -> datetime:
        return wall_clock(self.moment)

    @property
    def is_network(self) -> bool:
        return KINDS[self.kind][0] == "Network"

    @property
    def category(self) -> str:
        return KINDS[self.kind][1]

    def attachment(self, attachment_id: str) -> Attachment | None:
        found = (one for one in self.attachments if one.id == attachment_id)
        return next(found, None)
