"""The flysheet layout of a tenant: the names of the two flysheets and their columns.

It turns columns into what they mean; whether the values are right is left to `upload`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.simulators.cmic.errors import RefusalError

HEADER_COLUMNS = {
    "company": "Apri_Comp_Code",
    "vendor": "Apri_Ven_Code",
    "job": "Apri_Job_Code",
    "group": "Apri_Group_Code",
    "number": "Apri_Inv_Code",
    "date": "Apri_Inv_Date",
    "due_date": "Apri_Due_Date",
    "currency": "Apri_Curr_Code",
    "description": "Apri_Desc",
    "original_amount": "Apri_Orig_Amt",
    "amount": "Apri_Amt",
    "valid": "Apri_Valid_Flag",
}
DETAIL_COLUMNS = {
    "line": "Aprid_Line_Num",
    "company": "Aprid_Comp_Code",
    "type": "Aprid_Type_Code",
    "first": "Aprid_Jobdepteqp_Code",
    "second": "Aprid_Costaccount_Code",
    "third": "Aprid_Costtran_Code",
    "amount": "Aprid_Amt",
    "description": "Aprid_Desc",
}
LABELS = {
    "company": "Company",
    "vendor": "Vendor",
    "job": "Invoice Job Code",
    "group": "Invoice Registry Group Code",
    "number": "Invoice Number",
    "date": "Invoice Header Date",
    "due_date": "Due Date",
    "currency": "Currency",
    "description": "Description",
    "original_amount": "Original Amount",
    "amount": "Invoice Amount",
    "valid": "Valid Flag",
    "line": "Line Number",
    "type": "Type Code",
    "first": "Job/Dept/Eqp.",
    "second": "Cost Code/Account/Category",
    "third": "Cost Type/Tran Code",
}
REQUIRED_HEADER = (
    "company",
    "vendor",
    "group",
    "number",
    "date",
    "original_amount",
    "amount",
)
REQUIRED_DETAIL = ("line", "company", "type", "first", "second", "amount")
MAY_BE_NUMBERS = {"original_amount", "amount", "line"}


@dataclass(frozen=True)
class FlysheetLayout:
    """`extra_columns` are the tenant's own: accepted and kept, never checked.
    `description_bytes` is how much of a description the column takes."""

    header: str = "AP Registered Invoice"
    detail: str = "AP Registered Invoice Detail"
    header_columns: dict[str, str] = field(default_factory=lambda: HEADER_COLUMNS)
    detail_columns: dict[str, str] = field(default_factory=lambda: DETAIL_COLUMNS)
    extra_columns: frozenset[str] = frozenset()
    description_bytes: int = 30

    def read_header(self, data: Any) -> dict[str, str]:
        """The values by meaning; raises RefusalError for what no flysheet takes."""
        values = self._read(data, self.header, self.header_columns)
        _require(values, REQUIRED_HEADER)
        return values

    def read_line(self, data: Any) -> dict[str, str]:
        values = self._read(data, self.detail, self.detail_columns)
        _require(values, REQUIRED_DETAIL)
        return values

    def _read(
        self, data: Any, flysheet: str, columns: dict[str, str]
    ) -> dict[str, str]:
        if not isinstance(data, dict):
            raise RefusalError(f"Data of flysheet {flysheet} must be an object.")
        meanings = {column: meaning for meaning, column in columns.items()}
        values = {}
        for column, value in data.items():
            if column in self.extra_columns:
                continue
            if column not in meanings:
                raise RefusalError(
                    f"Column {column} does not exist on flysheet {flysheet}."
                )
            values[meanings[column]] = _text(meanings[column], value)
        return {meaning: text for meaning, text in values.items() if text}


def _text(meaning: str, value: Any) -> str:
    if value is None:
        return ""
    is_number = not isinstance(value, bool | str | list | dict)
    if isinstance(value, str) or (is_number and meaning in MAY_BE_NUMBERS):
        return str(value)
    raise RefusalError(f"{LABELS[meaning]} must be a string.")


def _require(values: dict[str, str], required: tuple[str, ...]) -> None:
    for meaning in required:
        if meaning not in values:
            raise RefusalError(f"Required field missing: {LABELS[meaning]}")
