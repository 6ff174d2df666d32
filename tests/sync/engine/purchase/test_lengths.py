"""A refusal for the length of a text is answered once, with a shorter one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from sync.models import PurchaseSync
from tests.simulators.cmic.uploading.flysheet import FlysheetLayout
from tests.support.driver import (
    codes_of,
    drive,
    execute,
    number_of,
    prepared,
    row_of,
)
from tests.sync.engine.run.faults.test_answers import Killed
from tests.sync.engine.run.faults.test_outages import go_on

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")


def test_a_name_of_more_bytes_than_characters_goes_at_once(tenant, pex, cmic):
    purchase = pex.add_purchase(
        amount=Decimal("5.00"), merchant="Café Zoë Núñez Ltée ÀÉÎ"
    )
    execute(tenant)
    assert row_of(purchase).attempts.count() == 1
    [invoice] = cmic.invoices()
    assert invoice.description.startswith("Café Zoë Núñez Ltée")
    assert len(invoice.description.encode()) <= 30
    assert invoice.lines[0]["Aprid_Desc"] == invoice.description


def test_a_text_that_cmic_finds_too_long_goes_once_more_and_shorter(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"), merchant="ACE TOOLS AND MORE")
    cmic.layout = FlysheetLayout(description_bytes=16)
    execute(tenant)
    assert row_of(purchase).status == "completed"
    [invoice] = cmic.invoices()
    assert invoice.description == "ACE TOOLS AND M"
    outcomes = row_of(purchase).attempts.values_list("outcome", flat=True)
    assert list(outcomes) == ["refused", "accepted"]


def test_a_text_that_stays_too_long_is_refused_and_not_tried_for_ever(
    tenant, pex, cmic
):
    purchase = pex.add_purchase(amount=Decimal("5.00"), merchant="ACE TOOLS AND MORE")
    cmic.layout = FlysheetLayout(description_bytes=5)
    execute(tenant)
    assert codes_of(purchase) == {"refused_by_cmic"}
    assert row_of(purchase).attempts.count() == 2


def test_what_is_refused_for_its_length_in_a_200_is_not_sent_again_by_itself(
    tenant, pex, cmic
):
    purchase = pex.add_purchase(amount=Decimal("5.00"), merchant="ACE TOOLS AND MORE")
    said = "ORA-12899: value too large for column"
    cmic.faults.set("error_in_ok", message=said, match=number_of(purchase))
    execute(tenant)
    assert codes_of(purchase) == {"refused_by_cmic"}
    assert row_of(purchase).attempts.count() == 1


def test_a_worker_that_dies_after_such_a_refusal_leaves_it_to_the_next(
    tenant, pex, cmic
):
    purchase = pex.add_purchase(amount=Decimal("5.00"), merchant="ACE TOOLS AND MORE")
    cmic.layout = FlysheetLayout(description_bytes=16)
    _, lanes = prepared(tenant)

    def die(*_, **__):
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PurchaseSync, "send_again", die)
        with pytest.raises(Killed):
            drive(lanes)
    assert row_of(purchase).attempts.get().outcome == "refused"
    PurchaseSync.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    go_on(4)
    assert row_of(purchase).status == "completed"
    assert len(cmic.invoices()) == pex.markers(purchase) == 1
