"""What CMiC remembers: the contractor's codes, registered invoices and vouchers.

Nothing here knows HTTP; whether an upload may be stored is decided before.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.simulators.cmic.errors import RefusalError
from tests.simulators.contractor import CLOSED, Category, Contractor, Phase

LISTS = {
    "vendor": "vendors",
    "group": "groups",
    "job": "jobs",
    "phase": "phases",
    "category": "categories",
    "department": "departments",
    "account": "accounts",
    "equipment": "equipment",
    "transaction_code": "transaction_codes",
}


# Of all books ever opened: no two states of any share a number.
_STATES = itertools.count()


@dataclass(frozen=True)
class Line:
    """One line of distribution; the type says what the three codes mean."""

    number: int
    company: str
    type_code: str
    first: str
    second: str
    third: str | None
    amount: Decimal
    description: str | None = None


@dataclass(frozen=True)
class Document:
    content: bytes = b""
    file_name: str = ""
    content_type: str = ""


@dataclass
class StoredInvoice:
    company: str
    vendor: str
    group: str
    number: str
    invoice_date: date
    due_date: date
    amount: Decimal
    original_amount: Decimal
    currency: str = "USD"
    description: str | None = None
    job: str | None = None
    is_valid: bool = True
    distribution: list[Line] = field(default_factory=list)
    document: Document = field(default_factory=Document)
    encoding: str = "screen"
    payload: dict[str, Any] = field(default_factory=dict)
    user: str = "APCLERK"
    uuid: str = ""
    image_id: str = ""
    registration: int = 0
    stored_at: datetime | None = None
    visible_at: datetime | None = None
    is_registered: bool = True
    voucher_number: int | None = None

    @property
    def header(self) -> dict[str, Any]:
        """The header columns as received."""
        return dict(self.payload.get("headerData") or {})

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The detail columns as received, one object a line."""
        return list(self.payload.get("detailData") or [])

    @property
    def file(self) -> bytes:
        return self.document.content

    @property
    def file_name(self) -> str:
        return self.document.file_name

    @property
    def content_type(self) -> str:
        return self.document.content_type

    @property
    def key(self) -> tuple[str, str, str]:
        return self.company, self.vendor, self.number

    def summary(self) -> dict[str, Any]:
        """For the control door: everything but the bytes of the file."""
        left_out = {"document", "distribution", "payload"}
        plain = {
            item.name: _plain(getattr(self, item.name))
            for item in fields(self)
            if item.name not in left_out
        }
        return {
            **plain,
            "header": self.header,
            "lines": self.lines,
            "file_name": self.file_name,
            "content_type": self.content_type,
            "file_size": len(self.file),
            "file_sha256": hashlib.sha256(self.file).hexdigest(),
        }


@dataclass(frozen=True)
class Voucher:
    number: int
    batch: int
    invoice: StoredInvoice
    created_at: datetime
    posted_at: datetime | None = None

    def summary(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "company": self.invoice.company,
            "vendor": self.invoice.vendor,
            "invoice_number": self.invoice.number,
            "amount": self.invoice.amount,
            "posted_at": _plain(self.posted_at),
        }


class Books:
    """Thread-safe; no method waits for anything but the lock.

    `codes_state` is another number after each change of the contractor's codes.
    """

    def __init__(self, contractor: Contractor, now: Callable[[], datetime]) -> None:
        self.contractor = contractor
        self.codes_state = next(_STATES)
        self.opened_at = now()
        self._now = now
        self._lock = threading.RLock()
        self.invoices: list[StoredInvoice] = []
        self.vouchers: list[Voucher] = []

    def store(
        self,
        invoice: StoredInvoice,
        *,
        visible_after: float = 0.0,
        may_repeat: bool = True,
    ) -> StoredInvoice:
        """Register the invoice under a new key; raises RefusalError for a duplicate."""
        with self._lock:
            if not may_repeat and any(i.key == invoice.key for i in self.invoices):
                raise RefusalError(
                    f"Invoice {invoice.number} already exists "
                    f"for vendor {invoice.vendor}."
                )
            now = self._now()
            invoice.uuid = uuid.uuid4().hex.upper()
            invoice.image_id = str(100234 + len(self.invoices))
            invoice.registration = 7012 + len(self.invoices)
            invoice.stored_at = now
            invoice.visible_at = now + timedelta(seconds=visible_after)
            self.invoices.append(invoice)
            return invoice

    def find(self, number: str | None = None) -> list[StoredInvoice]:
        with self._lock:
            return [i for i in self.invoices if number in (None, i.number)]

    def visible(self) -> list[StoredInvoice]:
        """The registered invoices that look-ups show by now."""
        now = self._now()
        return [
            invoice
            for invoice in self.find()
            if invoice.is_registered
            and invoice.visible_at
            and invoice.visible_at <= now
        ]

    def total(self) -> Decimal:
        return sum((invoice.amount for invoice in self.find()), Decimal(0))

    def convert(self, number: str, *, keep_registered: bool, posted: bool) -> Voucher:
        """Make a voucher of a registered invoice, as a clerk does; KeyError if none."""
        with self._lock:
            for invoice in self.find(number):
                if invoice.voucher_number is None:
                    break
            else:
                raise KeyError(f"no registered invoice {number}")
            now = self._now()
            count = len(self.vouchers)
            voucher = Voucher(
                101690 + count, 5521 + count, invoice, now, now if posted else None
            )
            invoice.voucher_number = voucher.number
            invoice.is_registered = keep_registered
            self.vouchers.append(voucher)
            return voucher

    def remove_code(self, kind: str, code: str, **where: str) -> int:
        """Delete codes of a kind, narrowed by fields like `job`; answers how many."""
        with self._lock:
            rows = getattr(self.contractor, LISTS[kind])
            kept = [row for row in rows if not _is_meant(row, code, where)]
            setattr(self.contractor, LISTS[kind], kept)
            self.codes_state = next(_STATES)
            return len(rows) - len(kept)

    def deactivate(self, kind: str, code: str, **where: str) -> int:
        """Make codes inactive, the categories of a phase with it; answers how many."""
        changed = self._change(kind, code, where, active=False)
        if kind == "phase":
            # Rows of categories repeat the flag of their phase.
            with self._lock:
                self.contractor.categories = [
                    replace(row, phase_active=False)
                    if row.phase == code and _agrees(row, where)
                    else row
                    for row in self.contractor.categories
                ]
                self.codes_state = next(_STATES)
        return changed

    def close_job(self, code: str, company: str = "001") -> int:
        return self._change("job", code, {"company": company}, status_code=CLOSED)

    def open_phase(
        self, job: str, code: str, name: str, category: str, company: str = "001"
    ) -> None:
        """A new phase of a job, with one category."""
        with self._lock:
            self.contractor.phases.append(Phase(company, job, code, name))
            self.contractor.categories.append(
                Category(company, job, code, category, "Of a new phase")
            )
            self.codes_state = next(_STATES)

    def open_job(self, code: str, name: str, like: str, company: str = "001") -> None:
        """A new job with the phases and categories of another."""
        with self._lock:
            for kind in ("jobs", "phases", "categories"):
                rows = getattr(self.contractor, kind)
                place = "code" if kind == "jobs" else "job"
                model = {"company": company, place: like}
                names = {"name": name} if kind == "jobs" else {}
                new = [
                    replace(row, **{place: code}, **names)
                    for row in rows
                    if _agrees(row, model)
                ]
                setattr(self.contractor, kind, [*rows, *new])
            self.codes_state = next(_STATES)

    def change_job(self, code: str, company: str = "001", **changes: Any) -> int:
        """Another name or status; answers how many changed."""
        return self._change("job", code, {"company": company}, **changes)

    def _change(
        self, kind: str, code: str, where: dict[str, str], **changes: Any
    ) -> int:
        with self._lock:
            rows = getattr(self.contractor, LISTS[kind])
            meant = [_is_meant(row, code, where) for row in rows]
            changed = [
                replace(row, **changes) if hit else row
                for row, hit in zip(rows, meant, strict=True)
            ]
            setattr(self.contractor, LISTS[kind], changed)
            self.codes_state = next(_STATES)
            return sum(meant)


def _is_meant(row: Any, code: str, where: dict[str, str]) -> bool:
    return bool(row.code == code) and _agrees(row, where)


def _agrees(row: Any, where: dict[str, str]) -> bool:
    return all(getattr(row, name) == value for name, value in where.items())


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
