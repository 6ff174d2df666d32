"""Where each kind of reference data lives in CMiC, and how its rows become codes.

A table and nothing else (api/cmic.md §4, D9); paging and errors are the client's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.api.cmic.types import Code, CodeKind
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
    """A code or a name as the string that it is: zeros and dots survive."""
    value = row.get(name)
    if isinstance(value, str):
        return clean(value, _LONGEST_TEXT)
    if value is None or isinstance(value, (list, Mapping)):
        return ""
    return clean(str(value), _LONGEST_TEXT)


def _companies(row: Row) -> Iterable[Code]:
    code = text(row, "CompCode")
    yield Code(
        CodeKind.COMPANY,
        code,
        text(row, "CompName"),
        company=code,
        currency=text(row, "CompCurrCode"),
    )


def _vendors(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.VENDOR,
        text(row, "BpvenBpCode"),
        text(row, "BpvenBpName"),
        company=text(row, "BpvenCompCode"),
        is_active=row.get("BpvenActiveFlag") != "N",
    )


def _groups(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.REGISTRY_GROUP,
        text(row, "ArgCode"),
        text(row, "ArgName"),
        company=text(row, "ArgCompCode"),
    )


def _jobs(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.JOB,
        text(row, "JobCode"),
        text(row, "JobName"),
        company=text(row, "JobCompCode"),
        is_active=row.get("JobStatusCode") != "C",
        status=text(row, "JobStatusCode"),
    )


def _cost_codes(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.COST_CODE,
        text(row, "GjjpCode"),
        text(row, "GjjpName"),
        company=text(row, "GjjpCompCode"),
        parent=text(row, "GjjpJobCode"),
        is_active=row.get("GjjpActiveFlag") != "N",
    )


def _categories(row: Row) -> Iterable[Code]:
    active = "N" not in (row.get("JcatCatActiveFlag"), row.get("JcatPhaseActiveFlag"))
    yield Code(
        CodeKind.CATEGORY,
        text(row, "JcatCode"),
        text(row, "JcatName"),
        company=text(row, "JcatCompCode"),
        parent=text(row, "JcatPhsCode"),
        grandparent=text(row, "JcatJobCode"),
        is_active=active,
    )


def _departments(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.DEPARTMENT,
        text(row, "DeptCode"),
        text(row, "DeptName"),
        company=text(row, "DeptCompCode"),
        is_active=row.get("DeptActiveFlag") != "N",
    )


def _accounts(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.ACCOUNT,
        text(row, "AccCode"),
        text(row, "AccName"),
        is_active=row.get("AccActiveFlag") != "N",
    )


def _equipment(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.EQUIPMENT,
        text(row, "EmeEqpCode"),
        text(row, "EmeName"),
        company=text(row, "EmeCompCode"),
        is_active=row.get("EmeActiveFlag") != "N",
    )


def _transaction_codes(row: Row) -> Iterable[Code]:
    """Each row names a component too; CMiC has no list of components of its own."""
    company, equipment = text(row, "EctCompCode"), text(row, "EctEqpCode")
    component = text(row, "EctComponentCode")
    yield Code(
        CodeKind.COMPONENT, component, component, company=company, parent=equipment
    )
    yield Code(
        CodeKind.TRANSACTION_CODE,
        text(row, "EctTranCode"),
        text(row, "EctTranName"),
        company=company,
        parent=component,
        grandparent=equipment,
    )


def _sources(row: Row) -> Iterable[Code]:
    """Without "All Sources", which takes no uploads (§2.1)."""
    name = text(row, "ImgsSourceName")
    if name.casefold() != ALL_SOURCES:
        yield Code(CodeKind.SOURCE, text(row, "ImgsVUuid"), name)


def _document_types(row: Row) -> Iterable[Code]:
    yield Code(
        CodeKind.DOCUMENT_TYPE,
        text(row, "ImgsdtDocTypeUuid"),
        text(row, "ImgsdtDocTypeName"),
        parent=text(row, "ImgsdtSourceUuid"),
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
