"""The PEX simulator over real sockets: what it answers, refuses and remembers."""

import base64
import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO

import pytest
import requests
from PIL import Image

from tests.simulators.contractor import build_contractor
from tests.simulators.pex import MISSING, PexSimulator

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
ALL = "V4/Details/AllCardholderTransactions"
COUNT = "V4/Details/AllCardholderTransactionCount"
PURCHASES = "V4/Transactions/Cardholder/Purchases"
TAGS = "V4/Business/Configuration/Tags"
TAG = "V4/Business/Configuration/Tag"
ACCOUNTS = "V4/Details/AccountDetails"
JOB_ID = "65f0c1a2b3c4d5e6f7a8b901"
PHASE_ID = "65f0c1a2b3c4d5e6f7a8b902"
CATEGORY_ID = "65f0c1a2b3c4d5e6f7a8b903"
JOB, PHASE, CATEGORY = (
    "Job/Dept/Eqp.",
    "Cost Code/Account/Category",
    "Cost Type/Tran Code",
)
CODING = {JOB: "017401", PHASE: "02.100", CATEGORY: "4000"}
DAYS = {"StartDate": "2026-09-01T00:00:00", "EndDate": "2026-11-23T23:59:59"}
EXPIRED = {"Message": "Token expired or does not exist"}


class Caller:
    def __init__(self, url):
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = "token sandbox-token"

    def call(self, method, path, status=200, **options):
        options.setdefault("timeout", 10)
        answer = self.session.request(method, f"{self.url}/{path}", **options)
        assert answer.status_code == status, answer.text[:500]
        return answer

    def get(self, path, status=200, **query):
        return self.call("GET", path, status, params=query).json()

    def send(self, method, path, status=200, **body):
        return self.call(method, path, status, json=body).json()

    def listed(self, **query):
        return self.get(ALL, **{**DAYS, **query})["TransactionList"]

    def row(self, transaction_id, **query):
        rows = self.listed(IncludePendings=True, IncludeDeclines=True, **query)
        return next(row for row in rows if row["TransactionId"] == transaction_id)

    def note(self, transaction_id, text="Synced with CMiC", status=200):
        body = {"TransactionId": transaction_id, "NoteText": text, "Pending": False}
        return self.send("POST", "V4/Note", status, **body)


@pytest.fixture
def pex():
    return PexSimulator.empty(now=NOW)


@pytest.fixture
def api(pex):
    with pex.serve() as server:
        caller = Caller(server.url)
        with caller.session:
            yield caller


@pytest.fixture(scope="module")
def seeded():
    return PexSimulator(now=NOW)


def stories(pex):
    return Counter(row.story for row in pex.transactions())


def test_ping_needs_no_token_and_every_scheme_word_is_taken(pex, api):
    api.call("GET", "v4/ping", headers={"Authorization": None})
    for scheme in ("token", "Token", "TOKEN", "Bearer"):
        api.call(
            "GET",
            "V4/Token/Current",
            headers={"Authorization": f"{scheme} sandbox-token"},
        )
    for header in ("token wrong", "Basic sandbox-token", "sandbox-token", None):
        answer = api.call(
            "GET", "V4/Token/Current", 401, headers={"Authorization": header}
        )
        assert answer.json() == EXPIRED


def test_a_token_is_renewed_only_in_its_last_month_and_the_old_one_lives_on(pex, api):
    refusal = api.send("POST", "V4/Token/Renew", 403)
    assert refusal == {"Message": "Cannot renew token"}
    pex.tokens.expire(at=NOW + timedelta(days=20))
    new = api.send("POST", "V4/Token/Renew")
    assert new["Token"] != "sandbox-token"
    assert api.get("V4/Token/Current")["TokenExpiration"] == "2026-12-13T12:00:00"
    api.session.headers["Authorization"] = f"token {new['Token']}"
    assert api.get("V4/Token/Current")["Token"] == new["Token"]
    pex.advance(timedelta(days=21))
    api.get("V4/Token/Current")
    api.session.headers["Authorization"] = "token sandbox-token"
    assert api.get("V4/Token/Current", 401) == EXPIRED


def test_a_revoked_token_is_dead_and_a_marketplace_jwt_buys_a_new_one(pex, api):
    api.call("DELETE", "V4/Token")
    api.get("V4/Token/Current", 401)
    exchange = "Internal/V4/Account/Token/Exchange"
    new = api.call("POST", exchange, headers={"Authorization": "Bearer a.b.c"}).json()
    api.session.headers["Authorization"] = f"token {new}"
    assert api.get("V4/Token/Current")["UserType"] == "Admin"


def test_paths_and_query_names_are_taken_in_any_case(pex, api):
    number = pex.add_purchase(Decimal("42.10"), when=NOW - timedelta(days=3))
    rows = api.get(
        "v4/details/ALLCARDHOLDERTRANSACTIONS",
        startdate=DAYS["StartDate"],
        ENDDATE=DAYS["EndDate"],
    )["TransactionList"]
    assert [row["TransactionId"] for row in rows] == [number]
    assert "No HTTP" in api.get("V4/Nothing", 404)["Message"]
    assert api.send("POST", ALL, 405)["Message"]


def test_a_settled_purchase_looks_like_the_documented_sample(pex, api):
    number = pex.add_purchase(
        "178.55", tags=CODING, when=datetime(2026, 11, 19, 8, 12, 44, tzinfo=UTC)
    )
    row = api.row(number)
    assert row["TransactionTime"] == row["SettlementTime"] == "2026-11-19T03:12:44"
    assert row["HoldTime"] == "2026-11-18T03:12:44"
    assert (row["TransactionAmount"], row["TransactionType"]) == (-178.55, "Network")
    assert row["MCCCode"] == "5251"
    assert row["AuthTransactionId"] not in (0, number)
    assert row["TransactionNotes"] is None
    assert row["MetadataApprovalStatus"] == "Approved"
    assert row["TransactionTags"]["Tags"][0] == {
        "FieldId": JOB_ID,
        "Name": JOB,
        "Value": "017401",
    }


def test_amounts_are_exact_json_numbers(pex, api):
    number = pex.add_purchase("2399.99")
    text = api.call("GET", ALL, params=DAYS).text
    exact = json.loads(text, parse_float=Decimal)["TransactionList"][0]
    assert exact["TransactionAmount"] == Decimal("-2399.99")
    pex.override(number, TransactionAmount=None)
    assert api.row(number)["TransactionAmount"] is None


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


def test_refunds_disputes_and_fees_have_their_signs_and_types(pex, api):
    kinds = ("purchase", "refund", "dispute", "fee", "rebate")
    shown = {}
    for kind in kinds:
        row = api.row(pex.add_purchase("7.00", kind=kind))
        shown[kind] = (
            row["TransactionAmount"],
            row["TransactionType"],
            row["TransactionTypeCategory"],
        )
    assert shown == {
        "purchase": (-7, "Network", "Spend"),
        "refund": (7, "Network", "Spend"),
        "dispute": (7, "Transfer", "Dispute"),
        "fee": (-7, "Transfer", "CardAccountFee"),
        "rebate": (7, "Transfer", "BusinessRebate"),
    }
    in_purchases = api.get(PURCHASES)["Pagination"]["TotalCount"]
    assert in_purchases == 3
    newer = api.get("V4/Transactions/Cardholder/Transactions")
    assert newer["Pagination"]["TotalCount"] == 5


def test_splits_come_as_objects_and_text_with_amounts_as_numbers_and_text(pex, api):
    splits = [("10.50", CODING), (Decimal("9.50"), CODING), ("5.00", {JOB: "24.018"})]
    row = api.row(pex.add_purchase("25.00", splits=splits))
    tags = row["TransactionTags"]["Tags"]
    assert {tag["Name"] for tag in tags} == {"Split"}
    assert len({tag["FieldId"] for tag in tags}) == 1
    assert [type(tag["Value"]) for tag in tags] == [str, dict, str]
    lines = [
        value if isinstance(value, dict) else json.loads(value)
        for value in (tag["Value"] for tag in tags)
    ]
    assert [line["Amount"] for line in lines] == ["10.50", 9.5, "5.00"]
    assert lines[2]["Allocation"] == [{"TagId": JOB_ID, "Value": "24.018"}]


def test_null_and_empty_notes_and_tags_are_both_shown(pex, api):
    nothing = api.row(pex.add_purchase("1.00"))
    assert (nothing["TransactionNotes"], nothing["TransactionTags"]) == (None, None)
    empty = api.row(pex.add_purchase("1.00", note=[], tags={}))
    assert empty["TransactionNotes"] == []
    assert (empty["TransactionTags"]["Tags"], empty["TransactionTags"]["State"]) == (
        [],
        "Initial",
    )


def test_any_member_of_a_row_can_be_replaced_or_left_out(pex, api):
    number = pex.add_purchase("1.00")
    pex.override(number, MerchantName="x" * 1_000_000, TransactionTags=[1])
    pex.raw(number)["AcctId"] = MISSING
    row = api.row(number)
    assert len(row["MerchantName"]) == 1_000_000
    assert row["TransactionTags"] == [1]
    assert "AcctId" not in row
    pex.raw(number).clear()
    assert api.row(number)["AcctId"] == 880101


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


def test_a_note_is_stored_and_seen_in_both_families(pex, api):
    number = pex.add_purchase("1.00")
    note = api.note(number, "Synced with CMiC: PEX-1")["Id"]
    assert pex.markers(number) == 1
    shown = api.row(number)["TransactionNotes"][0]
    assert (shown["NoteId"], shown["SystemGenerated"]) == (note, True)
    assert shown["UserName"] == "dana.admin"
    assert api.get(f"{PURCHASES}/{number}")["Notes"][0]["Id"] == note
    assert api.send("PUT", f"V4/Note/{note}", NoteText="Changed") == {"Id": note}
    assert pex.notes(number) == ["Changed"]
    assert api.send("DELETE", f"V4/Note/{note}", Pending=False) == {"Id": note}
    assert pex.notes(number) == []
    for method in ("PUT", "DELETE"):
        gone = api.send(method, f"V4/Note/{note}", 403, NoteText="x")
        assert gone == {"Message": "Note not found"}


def test_a_note_too_long_empty_or_for_an_unknown_row_is_refused(pex, api):
    number = pex.add_purchase("1.00")
    api.note(number, "x" * 200)
    assert "200" in api.note(number, "x" * 201, status=400)["Message"]
    api.note(number, " ", status=400)
    api.note(1, status=404)
    api.call("POST", "V4/Note", 400, data="{not json")
    assert len(pex.notes(number)) == 1


def test_a_person_may_remove_the_marker_by_hand(pex, api):
    number = pex.add_purchase(
        "1.00", note=["keep", "synced WITH cmic by old connector"]
    )
    assert pex.markers(number) == 1
    assert pex.remove_note(number) == 1
    assert pex.notes(number) == ["keep"]


def test_receipts_are_listed_and_downloaded_as_files_that_open(pex, api):
    number = pex.add_purchase("64.20", receipts=["pdf", "png", "jpeg"])
    listed = api.get(f"V4/Transactions/{number}/Attachments")["Attachments"]
    starts = []
    for item in listed:
        path = f"V4/Transactions/{number}/Attachment/{item['AttachmentId']}"
        assert item["Link"]["related"].endswith(path)
        full = api.get(path, AttachmentLinkType="Full")
        content = base64.b64decode(full["Content"], validate=True)
        assert len(content) == full["Size"] == item["Size"]
        starts.append(content[:4])
        if item["Type"] == "Image":
            Image.open(BytesIO(content)).verify()
    assert [item["Type"] for item in listed] == ["Pdf", "Image", "Image"]
    assert starts == [b"%PDF", b"\x89PNG", b"\xff\xd8\xff\xe0"]
    assert api.get(path)["Content"].startswith("https://")


def test_no_receipts_is_404_and_an_unsound_one_cannot_be_downloaded(pex, api):
    bare = pex.add_purchase("1.00")
    none = api.get(f"V4/Transactions/{bare}/Attachments", 404)
    assert none == {"Message": "Attachments not found"}
    files = [(b"virus", "Image", "HasMalware"), (b"%PDF-", "Pdf", "Loaded")]
    number = pex.add_purchase("1.00", receipts=files)
    bad, good = api.get(f"V4/Transactions/{number}/Attachments")["Attachments"]
    assert (bad["UploadStatus"], bad["Size"]) == ("HasMalware", 0)
    start = f"V4/Transactions/{number}/Attachment"
    api.get(f"{start}/{bad['AttachmentId']}", 404, AttachmentLinkType="Full")
    full = api.get(f"{start}/{good['AttachmentId']}", AttachmentLinkType="full")
    assert base64.b64decode(full["Content"]) == b"%PDF-"


def test_account_details_name_every_cardholder_and_group(pex, api):
    people = api.get(ACCOUNTS)["CHAccountList"]
    assert len(people) == 12
    accented = next(one for one in people if one["AccountId"] == 880103)
    assert (accented["FirstName"], accented["GroupName"]) == ("José", "Field")
    one = api.get(f"{ACCOUNTS}/880103")
    assert one["ProfileAddress"]["ContactName"] == "José Núñez"
    api.get(f"{ACCOUNTS}/1", 404)
    assert api.get("V4/Business/Profile")["BusinessAcctId"] == 21001
    assert api.get("V4/Business/Settings")["TagsEnabled"] is True
    permissions = api.get("V4/Business/MyProfile")["Admin"]["Permissions"]
    assert permissions["ModifyTransactionNotes"] is True


def test_tags_offer_job_names_with_job_codes_as_values(api):
    tags = {tag["Name"]: tag for tag in api.get(TAGS)}
    assert tags[JOB]["Id"] == JOB_ID
    options = {one["Value"]: one["Name"] for one in tags[JOB]["Options"]}
    assert options["017401"] == "Main Street Garage"
    assert tags["Split"]["Type"] == "Allocation"
    assert len(tags["Split"]["Tags"]) == 3
    assert not any(tag["IsDeleted"] for tag in tags.values())


def test_restricted_options_are_hidden_unless_overridden_and_lost_by_a_put(pex, api):
    path = f"{TAG}/{JOB_ID}"
    hidden = api.get(path)
    whole = api.get(path, OverrideRestrictions="true")
    assert len(whole["Options"]) == len(hidden["Options"]) + 1
    api.send("PUT", f"{TAG}/Dropdown/{JOB_ID}", **hidden)
    after = api.get(path, OverrideRestrictions="true")
    assert after["Options"] == hidden["Options"]


def test_a_put_replaces_the_options_once_per_concurrency_key(pex, api):
    body = api.get(f"{TAG}/{CATEGORY_ID}", OverrideRestrictions=True)
    body["Options"] = [
        {"Name": "Material", "Value": "4000", "Order": 0, "IsEnabled": True},
        {"Name": "Other", "Value": "6000", "Order": 0, "IsEnabled": False},
    ]
    path = f"{TAG}/Dropdown/{CATEGORY_ID}"
    new = api.send("PUT", path, **body)
    assert new["ConcurrencyKey"] != body["ConcurrencyKey"]
    assert [one.value for one in pex.options(CATEGORY)] == ["4000", "6000"]
    assert api.send("PUT", path, 409, **body) == {"Message": "Concurrency conflict"}


@pytest.mark.parametrize(
    "options",
    [
        [{"Name": "A", "Value": "1"}, {"Name": "a", "Value": "2"}],
        [{"Name": "A", "Value": "x"}, {"Name": "B", "Value": "X"}],
        [{"Name": "A", "Value": "1", "IsEnabled": False}],
        [{"Name": "A", "Value": ""}],
        [{"Name": "A" * 201, "Value": "1"}],
        [],
    ],
)
def test_options_that_break_the_rules_are_refused(pex, api, options):
    before = pex.options(CATEGORY)
    body = {**api.get(f"{TAG}/{CATEGORY_ID}"), "Options": options}
    assert api.send("PUT", f"{TAG}/Dropdown/{CATEGORY_ID}", 400, **body)["Message"]
    assert pex.options(CATEGORY) == before


def test_dropdowns_are_created_and_options_added_and_changed(api):
    option = {"Name": "Yard", "Value": "000099"}
    new = api.send("POST", f"{TAG}/Dropdown", 201, Name="Job 2", Options=[option])
    path = f"{TAG}/Dropdown/{new['Id']}"
    more = [{"Name": "Pool", "Value": "25.020"}]
    api.send("POST", f"{path}/Options", 201, Options=more)
    api.send("PUT", f"{path}/Option", Name="Pool", Value="25.020", IsEnabled=False)
    api.send("PUT", f"{path}/Option", 404, Name="None", Value="x")
    options = api.get(f"{TAG}/{new['Id']}")["Options"]
    assert [(one["Value"], one["IsEnabled"]) for one in options] == [
        ("000099", True),
        ("25.020", False),
    ]
    api.send("POST", f"{TAG}/Dropdown", 400, Name="job 2", Options=[option])
    api.get(f"{TAG}/65f0c1a2b3c4d5e6f7a8bfff", 404)
    not_dropdown = "65f0c1a2b3c4d5e6f7a8b904"
    api.send("POST", f"{TAG}/Dropdown/{not_dropdown}/Options", 400, Options=more)


def test_a_deleted_definition_is_gone_but_old_rows_still_refer_to_it(pex, api):
    number = pex.add_purchase("1.00", tags=CODING)
    pex.delete_tag(PHASE)
    assert PHASE not in {tag["Name"] for tag in api.get(TAGS)}
    api.get(f"{TAG}/{PHASE_ID}", 404)
    tags = api.row(number)["TransactionTags"]["Tags"]
    assert PHASE_ID in {tag["FieldId"] for tag in tags}


def test_a_business_may_begin_without_tags(api):
    with PexSimulator.empty(tags=False).serve() as server:
        caller = Caller(server.url)
        with caller.session:
            assert caller.get(TAGS) == []


def test_tags_of_a_transaction_are_read_and_replaced(pex, api):
    number = pex.add_purchase("1.00", tags=CODING)
    path = f"V4/Transactions/{number}/Tags"
    tags = api.get(path)
    assert tags["Values"][0]["Definition"]["Name"] == JOB
    values = [{"TagId": JOB_ID, "Value": "24.018"}]
    body = {"ConcurrencyKey": tags["ConcurrencyKey"], "Values": values}
    api.send("PUT", path, **body)
    api.send("PUT", path, 409, **body)
    assert api.row(number)["TransactionTags"]["Tags"][0]["Value"] == "24.018"
    api.get("V4/Transactions/1/Tags", 404)


def test_approval_is_changed_by_an_approver(pex, api):
    number = pex.add_purchase("1.00", approved=None)
    for act, state in (
        ("Approve", "Approved"),
        ("Reject", "Rejected"),
        ("Reset", "NotReviewed"),
    ):
        answer = api.send("POST", f"V4/Approval/{number}/{act}", Reason="because")
        assert answer["State"] == api.row(number)["MetadataApprovalStatus"] == state


def dependency(parent, rules=()):
    return {
        "DependsOnTagId": parent,
        "Rules": list(rules),
        "Default": {"AllowedAll": True, "AllowedOptions": []},
        "Source": {"Name": "CMiC"},
    }


def test_dependencies_are_kept_within_their_limits(api):
    child = f"V4/tags/{PHASE_ID}/option-dependencies"
    condition = {"Type": "AnyOf", "TriggerOptions": ["017401"]}
    rule = {"Condition": condition, "AllowedOptions": ["02.100"]}
    new = api.send("POST", child, **dependency(JOB_ID, [rule]))
    assert api.get(child)[0]["Rules"][0]["AllowedOptions"] == ["02.100"]
    assert "Rules" not in api.get("V4/tags/dependencies")[0]
    api.send("POST", child, 400, **dependency(CATEGORY_ID))
    third = f"V4/tags/{CATEGORY_ID}/option-dependencies"
    api.send("POST", third, **dependency(PHASE_ID))
    api.send(
        "POST", f"V4/tags/{JOB_ID}/option-dependencies", 400, **dependency(PHASE_ID)
    )
    option = {"Name": "A", "Value": "1"}
    fourth = api.send("POST", f"{TAG}/Dropdown", 201, Name="Fourth", Options=[option])
    path = f"V4/tags/{fourth['Id']}/option-dependencies"
    refusal = api.send("POST", path, 400, **dependency(CATEGORY_ID))
    assert "chain" in refusal["Message"]
    strange = {**rule, "AllowedOptions": ["99.999"]}
    one = f"{child}/{new['DependencyId']}"
    api.send("PUT", one, 400, **dependency(JOB_ID, [strange]))
    assert api.send("PUT", one, **dependency(JOB_ID))["Updated"]
    api.send("DELETE", one)
    api.get(one, 404)


def test_a_business_has_at_most_ten_dependencies(api):
    option = {"Name": "A", "Value": "1"}
    statuses = []
    for number in range(11):
        name = f"Child {number}"
        new = api.send("POST", f"{TAG}/Dropdown", 201, Name=name, Options=[option])
        path = f"{api.url}/V4/tags/{new['Id']}/option-dependencies"
        answer = api.session.post(path, json=dependency(JOB_ID), timeout=10)
        statuses.append(answer.status_code)
    assert statuses == [200] * 10 + [400]


def test_limits_are_off_until_switched_on(pex, api):
    for _ in range(130):
        api.get("V4/Token/Current")
    pex.limits = True
    for _ in range(120):
        api.get("V4/Token/Current")
    answer = api.call("GET", "V4/Token/Current", 429)
    assert answer.json() == {"Message": "Usage Limits Exceeded"}
    assert "Retry-After" not in answer.headers
    pex.retry_after = True
    answer = api.call("GET", "V4/Token/Current", 429)
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    pex.advance(61)
    api.get("V4/Token/Current")


@pytest.mark.parametrize("path", [ALL, ACCOUNTS])
def test_scarce_lists_are_answered_ten_times_an_hour(pex, api, path):
    pex.limits = True
    for _ in range(10):
        api.get(path, **DAYS)
    api.get(path, 429, **DAYS)
    api.get("V4/Token/Current")
    pex.advance(timedelta(hours=1, seconds=1))
    api.get(path, **DAYS)


@pytest.mark.parametrize(
    ("fault", "params", "path", "status", "text"),
    [
        ("token_expired", {}, TAGS, 401, "Token expired or does not exist"),
        ("token_expired", {"status": 403}, TAGS, 403, "Token expired or does not"),
        ("business_closed", {}, ALL, 403, "Business is not open"),
        ("server_error", {"status": 502}, TAGS, 502, "An error has occurred."),
        ("throttled", {"retry_after": 7}, TAGS, 429, "Usage Limits Exceeded"),
        ("purchases_forbidden", {}, PURCHASES, 403, "denied"),
        ("purchases_missing", {}, PURCHASES, 404, "No HTTP resource"),
        ("tags_off", {}, TAGS, 403, "does not support the Tags Feature"),
        ("maintenance", {}, "V4/Ping", 503, "<html>"),
        ("garbage_ok", {}, TAGS, 200, "<html>"),
    ],
)
def test_a_fault_strikes_as_often_as_told(pex, api, fault, params, path, status, text):
    pex.faults.set(fault, times=1, **params)
    answer = api.call("GET", path, status, params=DAYS)
    assert text in answer.text
    if "retry_after" in params:
        assert answer.headers["Retry-After"] == "7"
    api.call("GET", path, params=DAYS)
    assert pex.faults.used(fault) == 1


def test_a_fault_strikes_only_what_it_matches(pex, api):
    number = pex.add_purchase("1.00")
    pex.faults.set("server_error", match="AccountDetails")
    api.get(ACCOUNTS, 500)
    api.get("V4/Token/Current")
    pex.faults.set("purchases_forbidden")
    api.get(f"{PURCHASES}/{number}", 403)
    none = api.get(f"V4/Transactions/{number}/Attachments", 404)
    assert none["Message"] == "Attachments not found"
    pex.faults.set("tags_off")
    assert api.get("V4/Business/Settings")["TagsEnabled"] is False


@pytest.mark.parametrize(
    ("fault", "status", "stored"),
    [
        ("note_500_after_store", 500, 1),
        ("note_500_before_store", 500, 0),
        ("note_reset_after_store", None, 1),
        ("note_reset_before_store", None, 0),
        ("note_timeout_after_store", None, 1),
        ("note_forbidden", 403, 0),
    ],
)
def test_the_answer_to_a_note_may_be_lost(pex, api, fault, status, stored):
    number, other = pex.add_purchase("1.00"), pex.add_purchase("2.00")
    pex.faults.set(fault, times=1, match=str(number), seconds=0)
    api.note(other)
    if status is None:
        with pytest.raises(requests.ConnectionError):
            api.note(number)
    else:
        api.note(number, status=status)
    assert pex.markers(number) == stored
    api.note(number)
    assert pex.markers(number) == stored + 1


def test_a_connection_may_drop_at_once_or_after_a_while(pex, api):
    pex.faults.set("reset", times=1)
    with pytest.raises(requests.ConnectionError):
        api.get(TAGS)
    pex.faults.set("timeout", times=1, seconds=30)
    with pytest.raises(requests.ReadTimeout):
        api.call("GET", TAGS, timeout=0.2)
    api.get(TAGS)


def test_a_stale_list_hides_the_notes_added_since(pex, api):
    number = pex.add_purchase("1.00", note="old")
    pex.faults.set("stale_list")
    api.note(number)
    assert [n["NoteText"] for n in api.row(number)["TransactionNotes"]] == ["old"]
    assert len(api.get(PURCHASES)["Results"][0]["Notes"]) == 1
    assert len(api.get(f"{PURCHASES}/{number}")["Notes"]) == 2
    pex.faults.clear()
    assert len(api.row(number)["TransactionNotes"]) == 2


def test_a_download_may_fail(pex, api):
    number = pex.add_purchase("1.00", receipts=["png"])
    listed = api.get(f"V4/Transactions/{number}/Attachments")["Attachments"]
    path = f"V4/Transactions/{number}/Attachment/{listed[0]['AttachmentId']}"
    pex.faults.set("attachment_error", times=1)
    api.get(path, 500, AttachmentLinkType="Full")
    api.get(path, AttachmentLinkType="Full")


@pytest.mark.parametrize(
    ("point", "markers"), [("note_arrived", 0), ("note_stored", 1)]
)
def test_a_note_can_be_held_before_and_after_it_is_stored(pex, api, point, markers):
    number = pex.add_purchase("1.00")
    pex.hold(point)
    thread = threading.Thread(target=api.note, args=(number,))
    thread.start()
    pex.wait_until_held(point, 10)
    assert pex.markers(number) == markers
    pex.release(point)
    thread.join(10)
    assert pex.markers(number) == 1


@pytest.mark.parametrize("path", [ALL, PURCHASES])
def test_a_listing_can_be_held(pex, api, path):
    pex.hold("listing")
    thread = threading.Thread(target=api.get, args=(path,), kwargs=DAYS)
    thread.start()
    pex.wait_until_held("listing", 10)
    pex.release()
    thread.join(10)
    assert pex.calls[-1].status == 200


def test_notes_written_at_once_are_all_kept(pex, api):
    numbers = [pex.add_purchase("1.00") for _ in range(8)]
    headers = {"Authorization": "token sandbox-token"}

    def write(number):
        body = {"TransactionId": number, "NoteText": "Synced with CMiC"}
        for _ in range(5):
            requests.post(f"{api.url}/V4/Note", json=body, headers=headers, timeout=10)

    threads = [threading.Thread(target=write, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [pex.markers(number) for number in numbers] == [5] * 8


def test_the_seeded_books_hold_every_story_in_its_share(seeded):
    assert len(seeded.transactions()) == 200
    assert stories(seeded) == {
        "tagged": 95,
        "untagged": 16,
        "partly_tagged": 12,
        "unknown_job": 3,
        "closed_job": 3,
        "wrong_phase": 2,
        "deleted_tag": 2,
        "split": 15,
        "split_mismatch": 1,
        "refund": 10,
        "dispute": 2,
        "fee": 6,
        "rebate": 2,
        "pending": 10,
        "declined": 8,
        "zero": 1,
        "marked": 12,
    }
    assert stories(PexSimulator(purchases=1000, now=NOW))["untagged"] == 80
    assert len(PexSimulator(purchases=7).transactions()) == 7


def test_the_same_seed_gives_the_same_books_and_another_others():
    states = [
        PexSimulator(seed, 40, now=NOW).state()["transactions"] for seed in (1, 1, 2)
    ]
    assert states[0] == states[1] != states[2]


def test_seeded_rows_lie_in_the_last_seventy_days(seeded):
    for row in seeded.transactions():
        assert NOW - timedelta(days=71) < row.held_at <= row.moment <= NOW
        assert row.amount.as_tuple().exponent >= -2
    spent = [abs(row.amount) for row in seeded.transactions() if row.story == "tagged"]
    assert min(spent) >= Decimal("3.50")
    assert max(spent) <= Decimal("2400.00")


def test_tagged_purchases_carry_codes_that_belong_together(seeded):
    contractor = build_contractor(1)
    known = {
        (one.job, one.phase, one.code)
        for one in contractor.categories
        if one.company == "001" and one.active and one.phase_active
    }
    phases = {(one.job, one.phase) for one in contractor.categories}
    jobs = {job.code: job.status_code for job in contractor.jobs}
    for row in seeded.state()["transactions"]:
        tags = row["tags"] or {}
        coding = tuple(tags.get(name) for name in (JOB, PHASE, CATEGORY))
        if row["story"] == "tagged":
            assert coding in known
            assert jobs[coding[0]] != "C"
        elif row["story"] == "unknown_job":
            assert coding[0] not in jobs
        elif row["story"] == "closed_job":
            assert jobs[coding[0]] == "C"
        elif row["story"] == "wrong_phase":
            assert coding[:2] not in phases
        elif row["story"] == "deleted_tag":
            assert PHASE not in tags


def test_splits_add_up_except_the_one_that_does_not(seeded):
    for row in seeded.state()["transactions"]:
        if row["splits"]:
            total = sum(Decimal(line["amount"]) for line in row["splits"])
            assert (total == -row["amount"]) == (row["story"] == "split")


def test_the_seeded_rows_have_the_odd_things_that_real_ones_have(seeded):
    rows = seeded.transactions()
    approvals = Counter(row.approval for row in rows)
    assert 0.5 < approvals["Approved"] / 200 < 0.7
    assert set(approvals) == {
        "Approved",
        "NotReviewed",
        "Not Reviewed",
        "Rejected",
        "NoReceipt",
        None,
    }
    assert any(row.merchant and len(row.merchant.name) > 30 for row in rows)
    assert any(row.merchant and row.merchant.mcc.startswith("0") for row in rows)
    assert len({row.cardholder for row in rows}) == 12
    marks = {note.text for row in rows for note in row.notes if note.is_marker}
    assert "synced with cmic by old connector" in marks
    assert {row.has_null_notes for row in rows if not row.notes} == {True, False}
    statuses = Counter(one.status for row in rows for one in row.attachments)
    assert set(statuses) == {"Loaded", "HasMalware", "NotLoaded", "LoadFailed"}
    counts = Counter(len(row.attachments) for row in rows)
    assert 0.5 < counts[1] / 200 < 0.7
    assert counts[3]


def test_every_seeded_row_can_be_listed_and_read(seeded):
    with seeded.serve() as server:
        caller = Caller(server.url)
        with caller.session:
            rows = caller.listed(IncludePendings=True, IncludeDeclines=True)
            assert len(rows) == 200
            assert caller.get(COUNT, **DAYS) == 182
            page = caller.get(PURCHASES, PageSize=1000)
            assert page["Pagination"]["TotalCount"] == 184
            for row in rows[:20]:
                caller.get(f"V4/Transactions/{row['TransactionId']}/Tags")


def test_the_control_door_shows_and_changes_the_books(pex, api):
    body = {"amount": "12.34", "tags": CODING, "receipts": ["pdf"], "story": "mine"}
    new = api.send("POST", "_sim/purchase", **body)["result"]
    assert (new["amount"], new["story"]) == (-12.34, "mine")
    number = new["id"]
    door = {"transaction_id": number}
    api.send("POST", "_sim/override", **door, TransactionAmount="abc")
    assert api.row(number)["TransactionAmount"] == "abc"
    api.send("POST", "_sim/add_note", **door, text="Synced with CMiC")
    api.send("POST", "_sim/change", **door, approved=False, tags={JOB: "24.018"})
    state = api.get("_sim/state")
    assert state["counts"]["markers"] == 1
    shown = state["transactions"][0]
    assert (shown["approval"], shown["tags"]) == ("NotReviewed", {JOB: "24.018"})
    assert shown["attachments"][0]["size"] == len(pex.receipt_bytes(number)[0])
    assert api.send("POST", "_sim/remove_note", **door)["result"] == 1
    api.send("POST", "_sim/settings", page_size=5, limits=True)
    assert (pex.page_size, pex.limits) == (5, True)
    api.send("POST", "_sim/faults", name="tags_off")
    api.get(TAGS, 403)
    assert api.send("POST", "_sim/reset")["transactions"] == []
    assert pex.now() == NOW
    api.get(TAGS)


def test_it_runs_as_a_program_and_stops_quietly():
    command = [sys.executable, "-m", "tests.simulators.pex", "--port", "0"]
    with subprocess.Popen(
        [*command, "--purchases", "20", "--token", "other", "--page-size", "7"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        url = process.stdout.readline().strip()
        answer = requests.get(
            f"{url}/V4/Details/AllCardholderTransactions",
            params={
                "StartDate": f"{datetime.now(UTC) - timedelta(days=80):%Y-%m-%d}",
                "EndDate": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}",
            },
            headers={"Authorization": "token other"},
            timeout=10,
        )
        assert len(answer.json()["TransactionList"]) == 7
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
