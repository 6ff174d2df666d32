"""Values as customers really send them: reckoned with floats, copied, typed by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.driver import execute, job_of, number_of, row_of

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

JOB, COST = "Job/Dept/Eqp.", "Cost Code/Account/Category"


def test_the_noise_of_floats_is_neither_in_amounts_nor_in_splits(tenant, pex, cmic):
    codes = {JOB: "017401", COST: "02.100"}
    noisy = [(Decimal("48.70"), codes), (Decimal("29.599999999999994"), codes)]
    split = pex.add_purchase(amount=Decimal("78.30"), splits=noisy)
    whole = pex.add_purchase(amount=Decimal("1.00"))
    pex.override(whole, TransactionAmount=Decimal("-18.979999999999997"))
    execute(tenant)
    assert [row_of(each).status for each in (split, whole)] == ["completed"] * 2
    [invoice] = cmic.invoices(number_of(split))
    assert [line["Aprid_Amt"] for line in invoice.lines] == ["48.70", "29.60"]
    [invoice] = cmic.invoices(number_of(whole))
    assert invoice.amount == Decimal("18.98")


@pytest.mark.parametrize(
    "value", ["017401\u00a0", "\u200b017401", "０１７４０１", "0174\u206001"]
)
def test_a_tag_that_looks_like_a_code_is_that_code(tenant, pex, cmic, value):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    tag = {"FieldId": pex.tag_book.named(JOB).id, "Value": value, "Name": JOB}
    pex.override(purchase, TransactionTags={"Tags": [tag]})
    execute(tenant)
    assert job_of(cmic, purchase) == "017401"


def test_a_tag_that_looks_like_no_code_is_told_by_what_is_odd_in_it(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    value = "999999\u00a0"
    tag = {"FieldId": pex.tag_book.named(JOB).id, "Value": value, "Name": JOB}
    pex.override(purchase, TransactionTags={"Tags": [tag]})
    execute(tenant)
    [reason] = row_of(purchase).reasons
    assert "(tag), which has a no-break space at its end." in reason["message"]
    assert cmic.invoices() == []


def test_a_code_is_sent_as_cmic_has_it(tenant, pex, cmic):
    cmic.books.open_job("A\u00a017", "Annex", like="017401")
    purchase = pex.add_purchase(amount=Decimal("5.00"))
    tag = {"FieldId": pex.tag_book.named(JOB).id, "Value": "A\u00a017", "Name": JOB}
    pex.override(purchase, TransactionTags={"Tags": [tag]})
    execute(tenant)
    assert job_of(cmic, purchase) == "A\u00a017"
