"""From an invoice to the flysheet columns of one CMiC, which customers may rename.

Owns the default layout (api/cmic.md §8, D3-D6) and how a customer's own names and
columns replace it. Sending belongs to the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.api.cmic.types import Invoice, InvoiceLine, LineType, Location

HEADER_COLUMNS = {
    "company": "Apri_Comp_Code",
    "vendor": "Apri_Ven_Code",
    "group": "Apri_Group_Code",
    "number": "Apri_Inv_Code",
    "invoice_date": "Apri_Inv_Date",
    "due_date": "Apri_Due_Date",
    "currency": "Apri_Curr_Code",
    "description": "Apri_Desc",
    "original_amount": "Apri_Orig_Amt",
    "amount": "Apri_Amt",
    "valid_flag": "Apri_Valid_Flag",
    "job": "Apri_Job_Code",
}
DETAIL_COLUMNS = {
    "line_number": "Aprid_Line_Num",
    "company": "Aprid_Comp_Code",
    "type": "Aprid_Type_Code",
    "job_dept_eqp": "Aprid_Jobdepteqp_Code",
    "cost_code_account_category": "Aprid_Costaccount_Code",
    "cost_type_tran_code": "Aprid_Costtran_Code",
    "amount": "Aprid_Amt",
    "description": "Aprid_Desc",
}


@dataclass(frozen=True)
class Layout:
    """Flysheet names, and the column of each of our fields ("" leaves it out)."""

    header_flysheet: str = "AP Registered Invoice"
    detail_flysheet: str = "AP Registered Invoice Detail"
    header: Mapping[str, str] = field(default_factory=lambda: HEADER_COLUMNS)
    detail: Mapping[str, str] = field(default_factory=lambda: DETAIL_COLUMNS)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Layout:
        """The default with what a tenant's settings change.

        Raises `ValueError` with a sentence for an unknown name or a wrong value.
        """
        known = {"header_flysheet", "detail_flysheet", "header", "detail"}
        if unknown := sorted(set(settings) - known):
            raise ValueError(
                f"“{unknown[0]}” is not one of {', '.join(sorted(known))}."
            )
        names = {
            key: _name(key, settings[key])
            for key in ("header_flysheet", "detail_flysheet")
            if key in settings
        }
        return cls(
            **names,
            header=_columns("header", HEADER_COLUMNS, settings.get("header", {})),
            detail=_columns("detail", DETAIL_COLUMNS, settings.get("detail", {})),
        )


def payload(invoice: Invoice, layout: Layout, location: Location) -> dict[str, Any]:
    """The six members of the upload (§2.2), every value a string (D6)."""
    return {
        "srcUuid": location.source_uuid,
        "docTypeUuid": location.document_type_uuid,
        "headerFlysheet": layout.header_flysheet,
        "headerData": _filled(layout.header, _header(invoice)),
        "detailFlysheet": layout.detail_flysheet,
        "detailData": [
            _filled(layout.detail, _detail(invoice, number, line))
            for number, line in enumerate(invoice.lines, start=1)
        ],
    }


def _header(invoice: Invoice) -> dict[str, str]:
    day = invoice.on.strftime("%Y/%m/%d")
    return {
        "company": invoice.company,
        "vendor": invoice.vendor,
        "group": invoice.group,
        "number": invoice.number,
        "invoice_date": day,
        "due_date": day,
        "currency": invoice.currency,
        "description": invoice.description,
        "original_amount": f"{invoice.amount:.2f}",
        "amount": f"{invoice.amount:.2f}",
        "valid_flag": invoice.valid_flag,
        "job": _common_job(invoice),
    }


def _common_job(invoice: Invoice) -> str:
    """The job when every line is of type J on one and the same (D4)."""
    jobs = {line.codes[0] for line in invoice.lines if line.type is LineType.JOB}
    if len(jobs) == 1 and all(line.type is LineType.JOB for line in invoice.lines):
        return jobs.pop()
    return ""


def _detail(invoice: Invoice, number: int, line: InvoiceLine) -> dict[str, str]:
    codes = (*line.codes, "", "", "")
    return {
        "line_number": str(number),
        "company": invoice.company,
        "type": str(line.type),
        "job_dept_eqp": codes[0],
        "cost_code_account_category": codes[1],
        "cost_type_tran_code": codes[2],
        "amount": f"{line.amount:.2f}",
        "description": invoice.description,
    }


def _filled(columns: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    return {
        columns[name]: value
        for name, value in values.items()
        if value and columns[name]
    }


def _name(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"“{key}” must be the name of a flysheet.")
    return value.strip()


def _columns(key: str, default: Mapping[str, str], changes: Any) -> Mapping[str, str]:
    if not isinstance(changes, Mapping):
        raise ValueError(f"“{key}” must be an object of our field → flysheet column.")
    for name, column in changes.items():
        if name not in default:
            raise ValueError(
                f"“{key}.{name}” is not one of {', '.join(sorted(default))}."
            )
        if not isinstance(column, str):
            raise ValueError(f"“{key}.{name}” must be a column's name, or empty.")
    return {**default, **changes}
