"""The ADF resources: where each lies, its attributes, its finders and its rows.

Querying the rows and writing them as JSON is left to `query` and `app`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from tests.simulators.cmic.books import Books
from tests.simulators.cmic.errors import RefusalError
from tests.simulators.cmic.reading import reference, registered
from tests.simulators.cmic.reading.query import EASTERN, Predicate, Row, read_moment
from tests.simulators.contractor import build_contractor

Finder = Callable[[dict[str, str]], Predicate]


@dataclass(frozen=True)
class Resource:
    path: str
    module: str
    key: str
    rows: Callable[[Books], list[Row]]
    attributes: frozenset[str]
    finders: dict[str, tuple[frozenset[str], Finder]] = field(default_factory=dict)
    has_default_order: bool = False
    is_reference: bool = False
    child: str | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def find(self, text: str) -> Predicate:
        """The condition of `finder=Name;variable=value,…`; raises RefusalError."""
        name, _, assignments = text.partition(";")
        if name not in self.finders:
            raise RefusalError(f"JBO-25008: Finder {name} is not defined")
        known, finder = self.finders[name]
        values = {}
        for part in filter(None, assignments.split(",")):
            variable, _, value = part.partition("=")
            if variable not in known:
                raise RefusalError(f"JBO-25009: Finder variable {variable} is unknown")
            values[variable] = value
        return finder(values)


def _changed_since(*columns: str) -> Finder:
    def finder(values: dict[str, str]) -> Predicate:
        if "auditDate" not in values:
            raise RefusalError("JBO-27122: Finder variable auditDate is required")
        since = read_moment(values["auditDate"])
        return lambda row: any(row[name] and row[name] >= since for name in columns)

    return finder


def _equal(**columns: str) -> Finder:
    """Rows whose column equals the variable; a variable left out or empty is open."""

    def finder(values: dict[str, str]) -> Predicate:
        wanted = {columns[name]: value for name, value in values.items() if value}
        return lambda row: all(row[name] == value for name, value in wanted.items())

    return finder


def _everything(values: dict[str, str]) -> Predicate:
    return lambda row: True


COMPANY_FINDERS = {
    "selectByDate": (
        frozenset({"auditDate"}),
        _changed_since("CompIuCreateDate", "CompIuUpdateDate"),
    )
}
VENDOR_FINDERS = {
    "selectByDate": (
        frozenset({"auditDate"}),
        _changed_since("BpvenIuCreateDate", "BpvenIuUpdateDate"),
    ),
    # Users report that it takes the company and filters nothing.
    "ApVendorFinder": (frozenset({"CompCode"}), _everything),
}
CATEGORY_FINDERS = {
    "selectJobCategory": (frozenset({"jobCode"}), _equal(jobCode="JcatJobCode"))
}
VOUCHER_FINDERS = {
    "VouInvOutGrandAmtFinder": (
        frozenset({"CompCodeVar", "VendorCodeVar", "ContCodeVar"}),
        lambda values: _equal(CompCodeVar="VouCompCode", VendorCodeVar="VouVenCode")(
            {name: text for name, text in values.items() if name != "ContCodeVar"}
        ),
    )
}


def build_resources(gl_prefix: str) -> dict[str, Resource]:
    """The resources by their path below the environment."""
    sample = Books(build_contractor(), lambda: datetime.now(EASTERN))
    return {
        resource.path: resource
        for resource in [*_reference(gl_prefix, sample), *_registered()]
    }


def _reference(gl_prefix: str, sample: Books) -> Iterator[Resource]:
    def made(
        path: str, module: str, key: str, rows: Callable[[Books], list[Row]]
    ) -> Resource:
        attributes = frozenset(rows(sample)[0])
        return Resource(path, module, key, rows, attributes, is_reference=True)

    ap, jc, em = (f"{module}-rest-api/rest/1" for module in ("ap", "jc", "em"))
    ecm = "ecm-rest-api/rest/v1"
    yield replace(
        made(f"{gl_prefix}/glcompany", "gl", "CompVUuid", reference.companies),
        finders=COMPANY_FINDERS,
    )
    yield made(f"{gl_prefix}/gldepartment", "gl", "DeptVUuid", reference.departments)
    yield made(f"{gl_prefix}/glaccounts", "gl", "AccVUuid", reference.accounts)
    yield replace(
        made(f"{ap}/apvendor", "ap", "BpvenVUuid", reference.vendors),
        finders=VENDOR_FINDERS,
        has_default_order=True,
    )
    yield made(f"{ap}/apreggrp", "ap", "ArgVUuid", reference.groups)
    yield replace(
        made(f"{jc}/jcjob", "jc", "JobVUuid", reference.jobs), has_default_order=True
    )
    yield made(f"{jc}/jcjobcostcodes", "jc", "GjjpVUuid", reference.phases)
    yield replace(
        made(f"{jc}/jcjobcategory", "jc", "JcatVUuid", reference.categories),
        finders=CATEGORY_FINDERS,
        has_default_order=True,
    )
    yield made(f"{em}/emequipment", "em", "EmeVUuid", reference.equipment)
    yield made(f"{em}/emeqpcomtran", "em", "EctVUuid", reference.transaction_codes)
    yield made(
        "sys-rest-api/rest/1/bacurrency", "sys", "CurrCode", reference.currencies
    )
    yield made(f"{ecm}/ImgSources", "ecm", "ImgsVUuid", reference.imaging_sources)
    yield made(
        f"{ecm}/ImgSourceDocTypeV", "ecm", "ImgsdtDocTypeUuid", reference.document_types
    )


def _registered() -> Iterator[Resource]:
    ap = "ap-rest-api/rest/1"
    yield Resource(
        f"{ap}/apreginv",
        "ap",
        "ApriVUuid",
        registered.invoices,
        registered.INVOICE_ATTRIBUTES,
        child="ApreginvdetVO",
    )
    yield Resource(
        f"{ap}/apreginvdetails",
        "ap",
        "ApriVUuid",
        registered.details,
        registered.DETAIL_ATTRIBUTES,
    )
    yield Resource(
        f"{ap}/apallvouchers",
        "ap",
        "VouNum",
        registered.vouchers,
        registered.VOUCHER_ATTRIBUTES,
        finders=VOUCHER_FINDERS,
        has_default_order=True,
        child="VoudistVO",
    )
