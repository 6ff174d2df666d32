"""In which currency a tenant's purchases are booked: its company's in CMiC."""

from __future__ import annotations

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
