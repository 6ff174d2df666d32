"""PEX's newer family of listings: pages, filters and what a purchase tells.

The older family is left to `test_pex_listing` and `test_pex_rows`.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.simulators.checks.pex_caller import CODING, DAYS, JOB, JOB_ID, NOW, PURCHASES


def test_the_newer_listing_is_paged_and_sorted_as_asked(pex, api):
    numbers = [
        pex.add_purchase(Decimal(place), when=NOW - timedelta(days=place))
        for place in range(1, 6)
    ]
    page = api.get(PURCHASES, PageIndex=2, PageSize=2, SortBy="Amount", OrderBy="Asc")
    assert [row["TransactionId"] for row in page["Results"]] == [numbers[2], numbers[1]]
    assert page["Pagination"] == {
        "SortBy": "Amount",
        "OrderBy": "Asc",
        "PageIndex": 2,
        "PageSize": 2,
        "ResultsCount": 2,
        "TotalCount": 5,
    }
    newest = api.get(PURCHASES, page=1, pageSize=1)["Results"][0]
    assert newest["TransactionId"] == numbers[0]
    assert api.get(PURCHASES)["Pagination"]["PageSize"] == 100
    api.get(PURCHASES, 400, PageSize=1001)
    pex.page_names = ("page",)
    assert api.get(PURCHASES, PageIndex=2)["Pagination"]["PageIndex"] == 1


def test_the_newer_listing_filters_by_day_state_and_approval(pex, api):
    day = datetime(2026, 11, 10, 17, tzinfo=UTC)
    approved = pex.add_purchase("1.00", when=day)
    spaced = pex.add_purchase("2.00", approved="Not Reviewed", when=day)
    blank = pex.add_purchase("3.00", approved=None)
    pending = pex.add_purchase("4.00", approved="Rejected", pending=True)

    def seen(**query):
        rows = api.get(PURCHASES, **query)["Results"]
        return {row["TransactionId"] for row in rows}

    assert seen() == {approved, spaced, blank, pending}
    assert seen(Pending="false") == {approved, spaced, blank}
    assert seen(Approval=["Approved", "Rejected"]) == {approved, pending}
    assert seen(Approval="Approved,Rejected") == {approved, pending}
    assert seen(Approval=0) == {spaced, blank}
    assert seen(OnDate="2026-11-10T00:00:00") == {approved, spaced}
    assert seen(MinDate="2026-11-11T00:00:00", EqualsAmount="-3.00") == {blank}
    assert seen(Search="hardware") == {approved, spaced, blank, pending}
    api.get(PURCHASES, 400, Approval="Perhaps")


def test_a_purchase_of_the_newer_family_tells_of_receipts_notes_and_tags(pex, api):
    number = pex.add_purchase(
        "12.00",
        tags=CODING,
        receipts=["png"],
        note="Crew lunch",
        cardholder="José Núñez",
    )
    row = api.get(f"{PURCHASES}/{number}")
    assert row["HasAttachments"] is True
    assert row["Notes"][0]["Content"] == "Crew lunch"
    assert row["Notes"][0]["Created"]["Username"] == "jose.nunez"
    assert {"Id": JOB_ID, "Name": JOB, "Value": "017401"} in row["Tags"]
    assert row["CardholderId"] == 880103
    assert "SettlementTime" not in row
    assert api.get(f"{PURCHASES}/1", 404) == {"Message": "Transaction not found"}
    mine = api.get("V4/Transactions/Cardholder/880103/Purchases")["Results"]
    assert [one["TransactionId"] for one in mine] == [number]
    detailed = api.get("V4/Details/TransactionDetails/880103", **DAYS)
    assert len(detailed["TransactionList"]) == 1
