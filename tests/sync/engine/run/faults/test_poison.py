"""Each field of a purchase in turn is null, of a wrong type, or a megabyte of text:
the others complete, and the poisoned one goes or says why."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.utils import timezone

from sync.models import PurchaseSync
from tests.support.driver import codes_of, execute, number_of, row_of, set_up
from tests.support.rows import add_run

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


PURCHASES = 1000
FRESH = 100
AMOUNT = Decimal("5.00")


def test_a_poisoned_purchase_stops_none_of_a_thousand_others(tenant, pex, cmic):
    poisons = [(field, kind) for field in FIELDS for kind in POISONS]
    poisoned, good = {}, []
    for place in range(PURCHASES):
        # Spread over the whole list, so that every batch of rows has some.
        purchase = pex.add_purchase(amount=AMOUNT)
        if place % 13 == 0 and poisons:
            field, kind = poisoned[purchase] = poisons.pop()
            pex.override(purchase, **{field: POISONS[kind]})
        else:
            good.append(purchase)
    assert poisons == []
    # To send them all would show no more and take a minute: most were sent before
    # their worker died, and become complete with the list that shows their markers.
    leave_marked(tenant, good[FRESH:], pex, cmic)
    run = execute(tenant)
    assert run.status == "succeeded", run.message
    numbers = [invoice.number for invoice in cmic.invoices()]
    sent = set(numbers)
    assert len(numbers) == len(sent)
    assert {number_of(each) for each in good} <= sent
    completed = PurchaseSync.objects.filter(status="completed", run=run)
    assert set(good) <= set(completed.values_list("pex_transaction_id", flat=True))
    assert [pex.markers(each) for each in good] == [1] * len(good)
    check_poisoned(poisoned, sent)


def leave_marked(tenant, purchases, pex, cmic):
    """What a worker leaves that dies before it can put its notes on record."""
    run = add_run(tenant, "failed")
    rows = []
    for purchase in purchases:
        number = number_of(purchase)
        cmic.add_invoice(number, AMOUNT, timezone.now().date())
        pex.add_note(purchase, f"Synced with CMiC {number}")
        rows.append(
            PurchaseSync(
                tenant=tenant,
                run=run,
                pex_transaction_id=purchase,
                status="posted",
                amount=AMOUNT,
                invoice_number=number,
            )
        )
    PurchaseSync.objects.bulk_create(rows)


def check_poisoned(poisoned, sent):
    """Each went, or says why not, or was never taken for a purchase."""
    listed = set(PurchaseSync.objects.values_list("pex_transaction_id", flat=True))
    for purchase, poison in poisoned.items():
        if purchase not in listed:
            # PEX calls its type by another name: it is no purchase.
            assert poison == ("TransactionType", "text")
            continue
        row = row_of(purchase)
        is_sent = number_of(purchase) in sent
        assert is_sent == (row.status == "completed"), poison
        assert is_sent != bool(row.reasons), poison


@pytest.mark.parametrize("value", [0, 1, "0", "", None, {"a": 1}])
def test_a_row_whose_type_cannot_be_read_is_told_and_not_sent(tenant, pex, cmic, value):
    number = pex.add_purchase(amount=Decimal("5.00"))
    pex.override(number, TransactionType=value)
    run = execute(tenant)
    row = row_of(number)
    assert (row.status, row.run) == ("blocked", run)
    assert [reason["code"] for reason in row.reasons] == ["value_unknown"]
    assert "PEX reports TransactionType" in row.reasons[0]["message"]
    assert cmic.invoices() == []


JOB_TAG = "65f0c1a2b3c4d5e6f7a8b901"
HALF = {"Allocation": [{"TagId": JOB_TAG, "Value": "017401"}], "Amount": "2.50"}


@pytest.mark.parametrize(
    "second",
    [
        '{"TagId": "x", "Alloc',
        '{"Allocation": [',
        json.dumps(json.dumps(HALF)),
        [HALF],
        {**HALF, "Amount": None},
        {**HALF, "Amount": "2,50"},
        {**HALF, "Amount": "-2.50"},
        {**HALF, "Allocation": [{"TagId": "unknown", "Value": "017401"}]},
        {**HALF, "Allocation": [{"Value": "017401"}]},
    ],
)
@pytest.mark.parametrize("others", [[], [HALF], [HALF, HALF]])
def test_a_purchase_with_a_split_that_cannot_be_read_is_not_sent(
    tenant, pex, cmic, others, second
):
    number = pex.add_purchase(amount=Decimal("5.00"))
    split_tag = pex.tag_book.named("Split").id
    entries = [{"FieldId": split_tag, "Value": value} for value in (*others, second)]
    pex.override(number, TransactionTags={"Tags": entries})
    execute(tenant)
    row = row_of(number)
    assert (row.status, codes_of(number)) == ("blocked", {"split_mismatch"})
    assert cmic.invoices() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("TransactionAmount", "5,00"),
        ("TransactionAmount", "1_000"),
        ("TransactionAmount", Decimal("5.001")),
        ("TransactionAmount", Decimal("1e20")),
        ("TransactionAmount", ""),
        ("TransactionTime", ""),
        ("TransactionTime", "11/22/2026"),
        ("TransactionTime", "1970-01-01T00:00:00"),
        ("SettlementTime", "11/22/2026"),
        ("SettlementTime", {"at": 1}),
    ],
)
@pytest.mark.parametrize("invoice_date", ["transaction", "settlement"])
def test_an_amount_or_a_day_that_cannot_be_read_is_told_by_its_name(
    tenant, pex, cmic, field, value, invoice_date
):
    set_up(tenant, invoice_date=invoice_date)
    number = pex.add_purchase(amount=Decimal("5.00"))
    pex.override(number, **{field: value})
    run = execute(tenant)
    row = row_of(number)
    assert (row.status, row.run, codes_of(number)) == (
        "blocked",
        run,
        {"value_unknown"},
    )
    assert f"PEX reports {field} in a form" in row.reasons[0]["message"]
    assert cmic.invoices() == []


def test_a_fee_whose_type_cannot_be_read_is_a_fee(tenant, pex):
    number = pex.add_purchase(amount=Decimal("5.00"))
    pex.override(number, TransactionType=0, TransactionTypeCategory="CardAccountFee")
    execute(tenant)
    assert not PurchaseSync.objects.exists()


def test_a_row_without_an_id_is_told_and_stops_no_other(tenant, pex, cmic):
    good = pex.add_purchase(amount=Decimal("5.00"))
    nameless = pex.add_purchase(amount=Decimal("6.00"))
    pex.override(nameless, TransactionId="abc")
    run = execute(tenant)
    assert [each.number for each in cmic.invoices()] == [number_of(good)]
    assert "were left out: 1." in run.message
