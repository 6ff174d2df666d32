"""Each field of a purchase in turn is null, of a wrong type, or a megabyte of text:
the others complete, and the poisoned one goes or says why."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sync.models import PurchaseSync
from tests.driver import execute, number_of, row_of

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

FIELDS = (
    "AcctId",
    "TransactionTime",
    "MerchantLocalTime",
    "HoldTime",
    "SettlementTime",
    "AuthTransactionId",
    "TransactionAmount",
    "PaddingAmount",
    "TransactionType",
    "Description",
    "TransactionNotes",
    "IsPending",
    "IsDecline",
    "MerchantName",
    "MerchantNameNormalized",
    "MCCCode",
    "TransactionTags",
    "MetadataApprovalStatus",
    "TransactionTypeCategory",
)
POISONS = {
    "null": None,
    "object": {"a": [1]},
    "number": Decimal("1e400"),
    "text": "x\x00" * 500_000,
}


def test_a_poisoned_purchase_stops_no_other(tenant, pex, cmic):
    good = [pex.add_purchase(amount=Decimal("5.00")) for _ in range(10)]
    poisoned = {}
    for field in FIELDS:
        for kind, value in POISONS.items():
            purchase = pex.add_purchase(amount=Decimal("7.00"))
            pex.override(purchase, **{field: value})
            poisoned[purchase] = (field, kind)
    run = execute(tenant)
    assert run.status == "succeeded", run.message
    sent = {invoice.number for invoice in cmic.invoices()}
    assert {number_of(each) for each in good} <= sent
    listed = set(PurchaseSync.objects.values_list("pex_transaction_id", flat=True))
    for purchase, poison in poisoned.items():
        if purchase not in listed:
            # A row of no known kind is no purchase.
            assert poison[0] in ("TransactionType", "TransactionTypeCategory"), poison
            continue
        row = row_of(purchase)
        is_sent = number_of(purchase) in sent
        assert is_sent == (row.status == "completed"), poison
        assert is_sent != bool(row.reasons), poison


def test_a_row_without_an_id_is_told_and_stops_no_other(tenant, pex, cmic):
    good = pex.add_purchase(amount=Decimal("5.00"))
    nameless = pex.add_purchase(amount=Decimal("6.00"))
    pex.override(nameless, TransactionId="abc")
    run = execute(tenant)
    assert [each.number for each in cmic.invoices()] == [number_of(good)]
    assert "were left out: 1." in run.message
