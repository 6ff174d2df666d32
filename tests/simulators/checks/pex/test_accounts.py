"""Tokens, paths and accounts in the PEX simulator; purchases are left to the others."""

from datetime import timedelta
from decimal import Decimal

from tests.simulators.checks.pex_caller import ACCOUNTS, ALL, DAYS, NOW

EXPIRED = {"Message": "Token expired or does not exist"}


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


def test_a_token_of_another_business_says_so_after_its_renewal_too(pex, api):
    token = pex.tokens.issue(31001, "Beta Builders LLC")
    pex.tokens.expire(token, at=NOW + timedelta(days=20))
    api.session.headers["Authorization"] = f"token {token}"
    assert api.get("V4/Token/Current")["BusinessAccountId"] == 31001
    renewed = api.send("POST", "V4/Token/Renew")["Token"]
    api.session.headers["Authorization"] = f"token {renewed}"
    assert api.get("V4/Token/Current")["BusinessAccountName"] == "Beta Builders LLC"


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
