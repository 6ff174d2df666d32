"""In which currency a tenant's purchases are booked: its company's in CMiC."""

from __future__ import annotations

from functools import cached_property

from connector.cmic.types import CodeKind
from connector.models import CmicCode, TransactionSettings
from sync.models import PurchaseSync


def currency_of(row: PurchaseSync) -> str:
    """That of the company whose invoice it is; empty where CMiC did not tell."""
    if not row.company_code:
        return currency_of_tenant(row.tenant_id)
    return CmicCode.objects.currency_of(row.tenant_id, row.company_code)


def currency_of_tenant(tenant_id: int) -> str:
    """That of the company that is chosen now."""
    chosen = TransactionSettings.objects.filter(tenant_id=tenant_id)
    company = chosen.values_list("company_code", flat=True).first() or ""
    return CmicCode.objects.currency_of(tenant_id, company)


class Currencies:
    """Those of all companies, in two queries for any number of purchases."""

    def of(self, row: PurchaseSync) -> str:
        company = row.company_code or self._chosen.get(row.tenant_id, "")
        return self._known.get((row.tenant_id, company), "")

    def of_tenant(self, tenant_id: int) -> str:
        return self._known.get((tenant_id, self._chosen.get(tenant_id, "")), "")

    @cached_property
    def _chosen(self) -> dict[int, str]:
        return dict(TransactionSettings.objects.values_list("tenant", "company_code"))

    @cached_property
    def _known(self) -> dict[tuple[int, str], str]:
        companies = CmicCode.objects.filter(kind=CodeKind.COMPANY)
        rows = companies.values_list("tenant", "code", "currency")
        return {(tenant, code): currency for tenant, code, currency in rows}
