"""PEX's newer list read to its end, whatever it says of its length (§2.1)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from connector.api.exceptions import InvalidRequestError, UnexpectedResponseError
from connector.api.pex.client import PexClient
from sync.rules.window import business_day
from tests.support.factories import ANYWHERE, PEX_TOKEN


@pytest.fixture(autouse=True)
def _pages_of_three(monkeypatch):
    monkeypatch.setattr("connector.api.pex.client._PAGE_SIZE", 3)


@pytest.fixture
def purchases(pex):
    moments = [timezone.now() - timedelta(hours=hour) for hour in range(1, 8)]
    return {pex.add_purchase(amount=Decimal("1.00"), when=each) for each in moments}


def receipted(pex):
    today = business_day(timezone.now())
    client = PexClient(pex.url, PEX_TOKEN, reach=ANYWHERE)
    return set(client.find_receipted(today - timedelta(days=2), today))


@pytest.mark.parametrize(
    "wrong",
    [
        {"total": None},
        {"total": 3},
        {"total": 7, "page_size": 2},
    ],
    ids=["no total", "a total of one page", "pages shorter than asked for"],
)
def test_all_pages_are_read(pex, purchases, wrong):
    pex.faults.set("total_wrong", **wrong)
    assert receipted(pex) == purchases


def test_a_full_page_is_followed_by_one_more_question_and_no_second(pex, purchases):
    for _ in range(2):
        pex.add_purchase(amount=Decimal("1.00"))
    receipted(pex)
    assert len(pex.calls) == 4


def test_a_refusal_beyond_the_end_is_the_end(pex, purchases, monkeypatch):
    for _ in range(2):
        pex.add_purchase(amount=Decimal("1.00"))
    ask = PexClient._newer_page

    def refuse_the_fourth(self, start, end, page, spelling):
        if page == 4:
            raise InvalidRequestError("No such page.", system="PEX", status=400)
        return ask(self, start, end, page, spelling)

    monkeypatch.setattr(PexClient, "_newer_page", refuse_the_fourth)
    assert receipted(pex) >= purchases


def test_the_same_page_again_and_again_is_no_list(pex, purchases):
    pex.page_names = ("nonsense",)
    pex.faults.set("total_wrong", total=None)
    with pytest.raises(UnexpectedResponseError):
        receipted(pex)
    assert len(pex.calls) <= 3
