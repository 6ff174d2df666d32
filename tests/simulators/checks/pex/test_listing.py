"""Which transactions PEX lists for a window of time, and how a long list is cut.

What a row shows is left to `test_pex_rows`, the newer family to `test_pex_purchases`.
"""

from datetime import UTC, datetime, timedelta

import pytest

from tests.simulators.checks.pex_caller import ALL, CODING, COUNT, DAYS, NOW, PURCHASES


def test_the_window_is_eastern_wall_clock_with_both_ends_included(pex, api):
    # 23:59:59 Eastern on the 9th is already the 10th in UTC.
    number = pex.add_purchase(
        "5.00", when=datetime(2026, 11, 10, 4, 59, 59, tzinfo=UTC)
    )

    def seen(start, end):
        rows = api.listed(StartDate=start, EndDate=end)
        return [row["TransactionId"] for row in rows]

    assert seen("2026-11-09T23:59:59", "2026-11-09T23:59:59") == [number]
    assert seen("2026-11-10T00:00:00", "2026-11-10T23:59:59") == []
    assert seen("2026-11-09T00:00:00", "2026-11-09T23:59:58") == []


def test_a_window_older_than_twelve_months_is_refused_to_the_day(pex, api):
    api.listed(StartDate="2025-11-23T00:00:00")
    refusal = api.get(ALL, 400, **{**DAYS, "StartDate": "2025-11-22T23:59:59"})
    assert "12 months" in refusal["Message"]
    api.get(PURCHASES, 400, MinDate="2025-11-22T00:00:00")
    # 02:00 UTC on the 24th is still the 23rd in the East.
    pex.set_clock(datetime(2026, 11, 24, 2, 0, tzinfo=UTC))
    api.listed(StartDate="2025-11-23T00:00:00")


@pytest.mark.parametrize(
    "changes",
    [
        {"StartDate": "2026-11-01T00:00:00Z"},
        {"StartDate": "yesterday"},
        {"EndDate": ""},
        {"EndDate": "2026-08-31T00:00:00"},
        {"IncludePendings": "maybe"},
    ],
)
def test_a_query_that_makes_no_sense_is_refused(api, changes):
    assert api.get(ALL, 400, **{**DAYS, **changes})["Message"]


def test_pendings_declines_and_bill_payments_are_listed_only_when_asked(pex, api):
    settled = pex.add_purchase("1.00")
    pending = pex.add_purchase("2.00", pending=True)
    declined = pex.add_purchase("3.00", declined=True)
    paid = pex.add_purchase("4.00", kind="bill_pay")

    def seen(**query):
        return {row["TransactionId"] for row in api.listed(**query)}

    assert seen() == {settled, paid}
    assert seen(IncludeVendorBillPay="False") == {settled}
    assert seen(IncludePendings="True") == {settled, paid, pending}
    assert seen(IncludeDeclines="true") == {settled, paid, declined}
    assert api.get(COUNT, **DAYS) == 2
    assert api.row(pending)["SettlementTime"] is None
    assert api.row(declined)["IsDecline"] is True


def test_a_pending_row_settles_under_another_id(pex, api):
    pending = pex.add_purchase("20.00", pending=True, tags=CODING, receipts=["pdf"])
    pex.advance(timedelta(hours=20))
    settled = pex.settle(pending, amount="23.50")
    rows = api.listed(IncludePendings=True, EndDate="2026-11-30T00:00:00")
    assert [row["TransactionId"] for row in rows] == [settled]
    assert settled != pending
    assert rows[0]["AuthTransactionId"] == pending
    assert rows[0]["TransactionAmount"] == -23.5
    assert len(pex.receipt_bytes(settled)) == 1
    assert api.get(f"{PURCHASES}/{pending}", 404) == {
        "Message": "Transaction not found"
    }


def test_a_long_list_is_cut_and_its_last_time_repeats_the_boundary_rows(pex, api):
    pex.page_size = 3
    numbers = [
        pex.add_purchase("1.00", when=NOW - timedelta(days=9 - place))
        for place in (1, 2, 3, 3, 4)
    ]
    first = api.get(ALL, **DAYS)
    assert first["Pages"] == {
        "PageSize": 3,
        "TotalRecords": 5,
        "NumberOfPages": 2,
        "LastTimeRetrieved": "2026-11-17T12:00:00",
    }
    start = first["Pages"]["LastTimeRetrieved"]
    second = api.get(ALL, **{**DAYS, "StartDate": start})
    assert second["Pages"]["NumberOfPages"] == 1
    pages = [
        [row["TransactionId"] for row in page["TransactionList"]]
        for page in (first, second)
    ]
    assert pages == [numbers[:3], numbers[2:]]
