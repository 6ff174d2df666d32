"""The rows of CMiC's reference data, attribute names as its resources spell them."""

from __future__ import annotations

import hashlib
from datetime import datetime

from tests.simulators.cmic.books import Books
from tests.simulators.cmic.reading.query import EASTERN, Row

CURRENCIES = {"USD": "US Dollars", "CAD": "Canadian Dollar"}
ACTIVE = {True: "Y", False: "N"}


def _uuid(resource: str, *parts: str) -> str:
    text = ":".join((resource, *parts))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def eastern(moment: datetime | None) -> datetime | None:
    return moment.astimezone(EASTERN) if moment else None


def companies(books: Books) -> list[Row]:
    return [
        {
            "CompCode": company.code,
            "CompName": company.name,
            "CompCurrCode": company.currency,
            "CompCurrName": CURRENCIES[company.currency],
            "CompDeptCode": "00",
            "CompConsCode": "ACME",
            "CompConschartCode": "MAIN",
            "CompCountry": "USA" if company.currency == "USD" else "CAN",
            "CompFiscalYr": 2026,
            "CompCurrPer": 3,
            "CompArchDate": None,
            "CompLegalName": None,
            "CompVUuid": _uuid("glcompany", company.code),
            "CompIuCreateDate": eastern(books.opened_at),
            "CompIuCreateUser": "CMICUSER",
            "CompIuUpdateDate": None,
            "CompIuUpdateUser": None,
        }
        for company in books.contractor.companies
    ]


def vendors(books: Books) -> list[Row]:
    company = {company.code: company for company in books.contractor.companies}
    return [
        {
            "BpvenCompCode": vendor.company,
            "BpvenCompName": company[vendor.company].name,
            "BpvenBpCode": vendor.code,
            "BpvenBpName": vendor.name,
            "BpvenStatusCode": "A" if vendor.active else "I",
            "BpvenActiveFlag": ACTIVE[vendor.active],
            "BpvenAllowTranFlag": ACTIVE[vendor.active],
            "BpvenOneTimeFlag": "N",
            "BpvenCurrCode": company[vendor.company].currency,
            "BpvenTermCode": "NET30",
            "BpvenTermName": "Net 30",
            "BpvenDistTypeCode": "G",
            "BpvenApDeptCode": "00",
            "BpvenApAccCode": "2000",
            "BpvenExpDeptCode": "00",
            "BpvenExpAccCode": "6000",
            "BpvenTax1Code": None,
            "BpvenPayEmail": None,
            "BpvenVUuid": _uuid("apvendor", vendor.company, vendor.code),
            "BpvenIuCreateDate": eastern(books.opened_at),
            "BpvenIuUpdateDate": None,
            "BpIuCreateDate": eastern(books.opened_at),
            "BpIuUpdateDate": None,
        }
        for vendor in books.contractor.vendors
    ]


def groups(books: Books) -> list[Row]:
    return [
        {
            "ArgCompCode": group.company,
            "ArgCode": group.code,
            "ArgName": group.name,
            "ArgVUuid": _uuid("apreggrp", group.company, group.code),
        }
        for group in books.contractor.groups
    ]


def jobs(books: Books) -> list[Row]:
    return [
        {
            "JobCompCode": job.company,
            "JobCode": job.code,
            "JobName": job.name,
            "JobDefaultDeptCode": job.department,
            "JobStatusCode": job.status_code,
            "JobVUuid": _uuid("jcjob", job.company, job.code),
        }
        for job in books.contractor.jobs
    ]


def phases(books: Books) -> list[Row]:
    return [
        {
            "GjjpCompCode": phase.company,
            "GjjpJobCode": phase.job,
            "GjjpCode": phase.code,
            "GjjpName": phase.name,
            "GjjpCtrlCode": "ALL",
            "GjjpActiveFlag": ACTIVE[phase.active],
            "GjjpVUuid": _uuid("jcjobcostcodes", phase.company, phase.job, phase.code),
        }
        for phase in books.contractor.phases
    ]


def categories(books: Books) -> list[Row]:
    return [
        {
            "JcatCompCode": row.company,
            "JcatJobCode": row.job,
            "JcatPhsCode": row.phase,
            "JcatCode": row.code,
            "JcatName": row.name,
            "JcatCatActiveFlag": ACTIVE[row.active],
            "JcatPhaseActiveFlag": ACTIVE[row.phase_active],
            "JcatExclCostWip": "N",
            "JcatExclCostBudgWip": "N",
            "JcatVUuid": _uuid(
                "jcjobcategory", row.company, row.job, row.phase, row.code
            ),
        }
        for row in books.contractor.categories
    ]


def departments(books: Books) -> list[Row]:
    return [
        {
            "DeptCompCode": department.company,
            "DeptCode": department.code,
            "DeptName": department.name,
            "DeptActiveFlag": ACTIVE[department.active],
            "DeptVUuid": _uuid("gldepartment", department.company, department.code),
        }
        for department in books.contractor.departments
    ]


def accounts(books: Books) -> list[Row]:
    return [
        {
            "AccConschartCode": "MAIN",
            "AccCode": account.code,
            "AccName": account.name,
            "AccActiveFlag": ACTIVE[account.active],
            "AccCtrlFlag": "N",
            "AccVUuid": _uuid("glaccounts", account.code),
        }
        for account in books.contractor.accounts
    ]


def equipment(books: Books) -> list[Row]:
    return [
        {
            "EmeCompCode": item.company,
            "EmeEqpCode": item.code,
            "EmeName": item.name,
            "EmeDesc": item.name,
            "EmeEqpclassCode": item.code.partition("-")[0],
            "EmeHomelocCode": "YARD",
            "EmeActuallocCode": "YARD",
            "EmeActiveFlag": ACTIVE[item.active],
            "EmeVUuid": _uuid("emequipment", item.company, item.code),
        }
        for item in books.contractor.equipment
    ]


def transaction_codes(books: Books) -> list[Row]:
    return [
        {
            "EctCompCode": row.company,
            "EctEqpCode": row.equipment,
            "EctComponentCode": row.component,
            "EctTranCode": row.code,
            "EctTranName": row.name,
            "EctVUuid": _uuid(
                "emeqpcomtran", row.company, row.equipment, row.component, row.code
            ),
        }
        for row in books.contractor.transaction_codes
    ]


def currencies(books: Books) -> list[Row]:
    return [{"CurrCode": code, "CurrName": CURRENCIES[code]} for code in CURRENCIES]


def imaging_sources(books: Books) -> list[Row]:
    return [
        {"ImgsVUuid": source.uuid, "ImgsSourceName": source.name}
        for source in books.contractor.sources
    ]


def document_types(books: Books) -> list[Row]:
    return [
        {
            "ImgsdtDocTypeUuid": kind.uuid,
            "ImgsdtSourceUuid": kind.source_uuid,
            "ImgsdtDocTypeName": kind.name,
        }
        for kind in books.contractor.document_types
    ]
