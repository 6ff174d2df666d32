"""What we send to CMiC and what it says back, as frozen values.

`Invoice` is the registered invoice in our words; `connector.api.cmic.flysheets` turns
it into CMiC's columns. Sources: api/cmic.md §2-§4, decisions §8.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class LineType(StrEnum):
    """What a line is booked on (§2.4)."""

    JOB = "J"
    DEPARTMENT = "G"
    EQUIPMENT = "E"


class CodeKind(StrEnum):
    """The kinds of reference data that the connector reads (§4)."""

    COMPANY = "company"
    VENDOR = "vendor"
    REGISTRY_GROUP = "registry_group"
    JOB = "job"
    COST_CODE = "cost_code"
    CATEGORY = "category"
    DEPARTMENT = "department"
    ACCOUNT = "account"
    EQUIPMENT = "equipment"
    COMPONENT = "component"
    TRANSACTION_CODE = "transaction_code"
    SOURCE = "source"
    DOCUMENT_TYPE = "document_type"

    @property
    def label(self) -> str:
        """What people call one value of it, in the middle of a sentence."""
        return _LABELS.get(self, self.value.replace("_", " "))

    @property
    def plural(self) -> str:
        """What people call several."""
        return _PLURALS.get(self, f"{self.label}s")


# What the API calls a job's category is the cost type of the product's field mapping.
_LABELS = {
    CodeKind.CATEGORY: "cost type",
    CodeKind.SOURCE: "Imaging source",
    CodeKind.REGISTRY_GROUP: "group",
}
_PLURALS = {
    CodeKind.COMPANY: "companies",
    CodeKind.EQUIPMENT: "pieces of equipment",
}


@dataclass(frozen=True, slots=True)
class Code:
    """One value of CMiC's reference data.

    `parent` and `grandparent` are codes of the kinds it hangs on: a category has its
    cost code as parent and its job as grandparent. `company` is empty where CMiC does
    not keep the kind per company. `currency` is a company's only, `status` a job's.
    """

    kind: CodeKind
    code: str
    name: str
    company: str = ""
    parent: str = ""
    grandparent: str = ""
    is_active: bool = True
    currency: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line; `codes` are job, cost code and category, or what the type has."""

    type: LineType
    codes: tuple[str, ...]
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Invoice:
    """One registered invoice. Money in `currency`, days are business days."""

    company: str
    vendor: str
    group: str
    number: str
    on: date
    currency: str
    description: str
    valid_flag: str
    amount: Decimal
    lines: tuple[InvoiceLine, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The file that travels with an invoice."""

    content: bytes
    content_type: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Location:
    """The AP Invoice Location: where in Image Manager the invoice lands (D1)."""

    source_uuid: str
    document_type_uuid: str


@dataclass(frozen=True, slots=True)
class UploadAnswer:
    """CMiC's yes. Both ids are read when present, never required (D7)."""

    status: int
    body: str
    invoice_uuid: str
    image_id: str


@dataclass(frozen=True, slots=True)
class FoundInvoice:
    """An invoice of ours that CMiC has, registered or already a voucher."""

    number: str
    amount: Decimal | None
    on: date | None
    uuid: str = ""
    voucher_number: str = ""


class Problem(StrEnum):
    """Why a module of CMiC does not answer, by whom to ask."""

    NOT_LICENSED = "not licensed"
    NO_ROLE = "no role"
    WRONG_PASSWORD = "wrong password"  # noqa: S105
    NO_TOKEN_ADDRESS = "wrong token address"  # noqa: S105
    NOT_REACHABLE = "not reachable"
    NOT_CMIC = "not a CMiC address"


@dataclass(frozen=True, slots=True)
class ModuleState:
    """Whether one module of CMiC answers, and in which words it does not."""

    name: str
    is_ok: bool
    message: str
    problem: Problem | None = None

    @property
    def is_refused(self) -> bool:
        """CMiC knows what was asked and says no to the user."""
        return self.problem in _REFUSALS


_REFUSALS = (Problem.NOT_LICENSED, Problem.NO_ROLE, Problem.WRONG_PASSWORD)
