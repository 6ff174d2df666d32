"""The invoice of one purchase in words: as it was sent, or as it would be now.

Reads rows; building an invoice is `sync.engine.purchase.invoices`, its columns
are `connector.api.cmic.flysheets`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from connector.api.cmic.flysheets import Layout
from connector.api.cmic.types import CodeKind
from connector.api.exceptions import SettingsIncompleteError
from connector.models import CmicCode, Tenant
from sync.admin.wording import folded, line_table, pretty
from sync.engine.judging.context import TenantContext
from sync.engine.judging.rules import require_complete
from sync.engine.purchase.invoices import content_of
from sync.models import PurchaseSync, Status, SyncAttempt
from sync.rules.reasons import ReasonCode

_HEADER = (
    ("number", "Number"),
    ("invoice_date", "Date"),
    ("company", "Company"),
    ("vendor", "Vendor"),
    ("group", "Group"),
    ("currency", "Currency"),
    ("amount", "Amount"),
    ("description", "Description"),
    ("valid_flag", "Valid flag"),
)
_NEVER_SENT = {
    ReasonCode.DECLINED,
    ReasonCode.NOT_A_PURCHASE,
    ReasonCode.ZERO_AMOUNT,
}


@dataclass(frozen=True)
class InvoiceCard:
    """`problem` in place of header and lines where there is no invoice to show."""

    title: str
    problem: str = ""
    header: tuple[tuple[str, str], ...] = ()
    lines: SafeString | str = ""
    whole: SafeString | str = ""
    place: str = ""


def invoice_card(row: PurchaseSync, last: SyncAttempt | None) -> InvoiceCard | None:
    """`last` is the row's last attempt. None for what is never an invoice."""
    tenant = Tenant.objects.select_related("cmic", "transactions").get(pk=row.tenant_id)
    if last is not None and not row.is_judgeable:
        layout = tenant.cmic.layout() if tenant.cmic_or_none else Layout()
        title = "The invoice as it was sent"
        return _card(title, row, tenant, layout, last.payload)
    codes = {reason.get("code") for reason in row.reasons}
    if row.posted_at is not None or codes & _NEVER_SENT:
        return None
    return _as_it_would_be(row, tenant)


def _as_it_would_be(row: PurchaseSync, tenant: Tenant) -> InvoiceCard:
    title = (
        "The invoice as it is sent next"
        if row.status == Status.PENDING
        else "The invoice as it would be sent"
    )
    try:
        require_complete(tenant)
        number = row.computed_number
        context = TenantContext(tenant)
        content = content_of(context, row, number)
    except (SettingsIncompleteError, ValueError) as error:
        return InvoiceCard(title, str(error), lines=line_table(row.lines))
    return _card(title, row, tenant, context.layout, content)


def _card(
    title: str,
    row: PurchaseSync,
    tenant: Tenant,
    layout: Layout,
    content: dict[str, Any],
) -> InvoiceCard:
    sent = content.get("headerData", {})
    header = tuple(
        (name, str(sent[column]))
        for field, name in _HEADER
        if (column := layout.header.get(field)) and sent.get(column)
    )
    return InvoiceCard(
        title,
        header=header,
        lines=line_table(row.lines),
        whole=folded("All columns of the invoice", pretty(content)),
        place=_place(tenant, content, dict(header).get("Number", str(row))),
    )


def _place(tenant: Tenant, content: dict[str, Any], number: str) -> str:
    """Where people find it in CMiC: Image Manager, its folder, its number."""
    wanted = [content.get("srcUuid", ""), content.get("docTypeUuid", "")]
    rows = CmicCode.objects.filter(
        tenant=tenant,
        kind__in=(CodeKind.SOURCE, CodeKind.DOCUMENT_TYPE),
        code__in=wanted,
    )
    names = dict(rows.values_list("code", "name"))
    folders = [names.get(code) or code for code in wanted if code]
    return " › ".join(["Image Manager", *folders, number])
