"""How amounts are written, and in which currency: that of the tenant's company."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from connector.api.cmic.types import CodeKind
from connector.models import CmicCode, TransactionSettings
from sync.models import PurchaseSync


def money(amount: Decimal | None, currency: str = "") -> str:
    """“1,234.50 USD”; without the currency where CMiC did not tell it."""
    return "" if amount is None else f"{amount:,.2f} {currency}".rstrip()


class Currencies:
    """Those of some tenants' companies, in two queries; of any other when asked for.

    Always by tenant: the cache of codes may have millions of rows.
    """

    def __init__(self, tenant_ids: Iterable[int] = ()) -> None:
        self._chosen: dict[int, str] = {}
        self._known: dict[tuple[int, str], str] = {}
        self._load(tenant_ids)

    def of(self, row: PurchaseSync) -> str:
        """That of the company whose invoice it is; empty where CMiC did not tell."""
        return self._of(row.tenant_id, row.company_code)

    def of_tenant(self, tenant_id: int) -> str:
        """That of the company that is chosen now."""
        return self._of(tenant_id, "")

    def _of(self, tenant_id: int, company: str) -> str:
        if tenant_id not in self._chosen:
            self._load([tenant_id])
        return self._known.get((tenant_id, company or self._chosen[tenant_id]), "")

    def _load(self, tenant_ids: Iterable[int]) -> None:
        ids = set(tenant_ids)
        if not ids:
            return
        chosen = TransactionSettings.objects.filter(tenant__in=ids)
        self._chosen |= dict.fromkeys(ids, "")
        self._chosen |= dict(chosen.values_list("tenant", "company_code"))
        companies = CmicCode.objects.filter(tenant__in=ids, kind=CodeKind.COMPANY)
        for tenant_id, code, currency in companies.values_list(
            "tenant", "code", "currency"
        ):
            self._known[tenant_id, code] = currency
