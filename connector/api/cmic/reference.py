"""Where each kind of reference data lives in CMiC, and how its rows become codes.

A table and nothing else (api/cmic.md §4, D9); paging and errors are the client's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.api.cmic.types import Code, CodeKind
from connector.api.code_texts import exact
from connector.api.parsing import clean

ALL_SOURCES = "all sources"
_LONGEST_TEXT = 500

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """One ADF collection; `company_column` narrows it to a company where it can."""

    path: str
    module: str
    order_by: str
    read: Callable[[Row], Iterable[Code]]
    company_column: str = ""

    def place(self, row: Row) -> tuple[tuple[str, ...], ...]:
        """Where the row's codes stand: what tells rows apart, whatever their names."""
        return tuple(
            (code.company, code.grandparent, code.parent, code.code)
            for code in self.read(row)
        )


def text(row: Row, name: str) -> str:
    """A name or a sentence as one clean line."""
    return clean(_said(row, name), _LONGEST_TEXT)


def code_in(row: Row, name: str) -> str:
    """A code as CMiC has it, to the character: it is sent back as it came."""
    return exact(_said(row, name), _LONGEST_TEXT)


def _said(row: Row, name: str) -> str:
    value = row.get(name)
    if isinstance(value, str):
        return value
    return "" if value is None or isinstance(value, (list, Mapping)) else str(value)


def _companies(row: Row) -> Iterable[Code]:
    company = code_in(row, "CompCode")
    yield Code(
        CodeKind.COMPANY,
        company,
        text(row, "CompName"),
        company=company,
        currency=text(row, "CompCurrCode"),
    )


def _vendors(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.VENDOR,
        code_in(row, "BpvenBpCode"),
        text(row, "BpvenBpName"),
        company=code_in(row, "BpvenCompCode"),
        is_active=row.get("BpvenActiveFlag") != "N",
    )


def _groups(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.REGISTRY_GROUP,
        code_in(row, "ArgCode"),
        text(row, "ArgName"),
        company=code_in(row, "ArgCompCode"),
    )


def _jobs(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.JOB,
        code_in(row, "JobCode"),
        text(row, "JobName"),
        company=code_in(row, "JobCompCode"),
        is_active=row.get("JobStatusCode") != "C",
        status=text(row, "JobStatusCode"),
    )


def _cost_codes(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.COST_CODE,
        code_in(row, "GjjpCode"),
        text(row, "GjjpName"),
        company=code_in(row, "GjjpCompCode"),
        parent=code_in(row, "GjjpJobCode"),
        is_active=row.get("GjjpActiveFlag") != "N",
    )


def _categories(row: Row) -> Iterable[Code]:
    active = "N" not in (row.get("JcatCatActiveFlag"), row.get("JcatPhaseActiveFlag"))
    yield Code(
        CodeKind.CATEGORY,
        code_in(row, "JcatCode"),
        text(row, "JcatName"),
        company=code_in(row, "JcatCompCode"),
        parent=code_in(row, "JcatPhsCode"),
        grandparent=code_in(row, "JcatJobCode"),
        is_active=active,
    )


def _departments(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.DEPARTMENT,
        code_in(row, "DeptCode"),
        text(row, "DeptName"),
        company=code_in(row, "DeptCompCode"),
        is_active=row.get("DeptActiveFlag") != "N",
    )


def _accounts(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.ACCOUNT,
        code_in(row, "AccCode"),
        text(row, "AccName"),
        is_active=row.get("AccActiveFlag") != "N",
    )


def _equipment(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.EQUIPMENT,
        code_in(row, "EmeEqpCode"),
        text(row, "EmeName"),
        company=code_in(row, "EmeCompCode"),
        is_active=row.get("EmeActiveFlag") != "N",
    )


def _transaction_codes(row: Row) -> Iterable[Code]:
    """Each row names a component too; CMiC has no list of components of its own."""
    company, equipment = code_in(row, "EctCompCode"), code_in(row, "EctEqpCode")
    component = code_in(row, "EctComponentCode")
    yield Code(
        CodeKind.COMPONENT, component, component, company=company, parent=equipment
    )
    yield Code(
        CodeKind.TRANSACTION_CODE,
        code_in(row, "EctTranCode"),
        text(row, "EctTranName"),
        company=company,
        parent=component,
        grandparent=equipment,
    )


def _sources(row: Row) -> Iterable[Code]:
    """Without "All Sources", which takes no uploads (§2.1)."""
    name = text(row, "ImgsSourceName")
    if name.casefold() != ALL_SOURCES:
        yield Code(CodeKind.SOURCE, code_in(row, "ImgsVUuid"), name)


def _document_types(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.DOCUMENT_TYPE,
        code_in(row, "ImgsdtDocTypeUuid"),
        text(row, "ImgsdtDocTypeName"),
        parent=code_in(row, "ImgsdtSourceUuid"),
    )


_AP, _JC = "ap-rest-api/rest/1", "jc-rest-api/rest/1"
_GL, _EM = "glrestapi/rest/v1", "em-rest-api/rest/1"
_ECM = "ecm-rest-api/rest/v1"

RESOURCES: dict[CodeKind, Resource] = {
    CodeKind.COMPANY: Resource(f"{_GL}/glcompany", "gl", "CompCode:asc", _companies),
    CodeKind.VENDOR: Resource(
        f"{_AP}/apvendor", "ap", "default", _vendors, "BpvenCompCode"
    ),
    CodeKind.REGISTRY_GROUP: Resource(
        f"{_AP}/apreggrp", "ap", "ArgCode:asc", _groups, "ArgCompCode"
    ),
    CodeKind.JOB: Resource(f"{_JC}/jcjob", "jc", "default", _jobs, "JobCompCode"),
    CodeKind.COST_CODE: Resource(
        f"{_JC}/jcjobcostcodes", "jc", "GjjpVUuid:asc", _cost_codes, "GjjpCompCode"
    ),
    CodeKind.CATEGORY: Resource(
        f"{_JC}/jcjobcategory", "jc", "default", _categories, "JcatCompCode"
    ),
    CodeKind.DEPARTMENT: Resource(
        f"{_GL}/gldepartment", "gl", "DeptCode:asc", _departments, "DeptCompCode"
    ),
    CodeKind.ACCOUNT: Resource(f"{_GL}/glaccounts", "gl", "AccCode:asc", _accounts),
    CodeKind.EQUIPMENT: Resource(
        f"{_EM}/emequipment", "em", "EmeEqpCode:asc", _equipment, "EmeCompCode"
    ),
    CodeKind.TRANSACTION_CODE: Resource(
        f"{_EM}/emeqpcomtran", "em", "EctVUuid:asc", _transaction_codes, "EctCompCode"
    ),
    CodeKind.SOURCE: Resource(f"{_ECM}/ImgSources", "ecm", "ImgsVUuid:asc", _sources),
    CodeKind.DOCUMENT_TYPE: Resource(
        f"{_ECM}/ImgSourceDocTypeV", "ecm", "ImgsdtDocTypeUuid:asc", _document_types
    ),
}

# One small question a module: what `check` asks (§1.3, F3).
MODULES: dict[str, CodeKind] = {
    "gl": CodeKind.COMPANY,
    "ap": CodeKind.VENDOR,
    "jc": CodeKind.JOB,
    "ecm": CodeKind.SOURCE,
}
