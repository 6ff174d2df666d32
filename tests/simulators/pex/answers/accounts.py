"""Answers about the token, the business and its cardholders."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from tests.simulators.exact_json import json_response
from tests.simulators.pex.answers.asking import path_number
from tests.simulators.pex.answers.errors import RefusalError
from tests.simulators.pex.answers.wire import eastern
from tests.simulators.pex.entities import Cardholder
from tests.simulators.pex.seeding.people import (
    ADMIN_NAME,
    BUSINESS_ID,
    BUSINESS_NAME,
    GROUPS,
)

if TYPE_CHECKING:
    from tests.simulators.pex.app import PexSimulator

APP_ID = "example-app"
ISSUED = eastern(datetime(2025, 1, 15, 12, tzinfo=UTC))
EXPIRES = eastern(datetime(2029, 1, 31, 12, tzinfo=UTC))
PLACE = {
    "AddressLine1": "100 Example Ave",
    "AddressLine2": None,
    "City": "Springfield",
    "State": "IL",
    "PostalCode": "62701",
    "Country": "USA",
}


def ping(sim: PexSimulator, request: Request) -> Response:
    return json_response(None)


def current_token(sim: PexSimulator, request: Request) -> Response:
    token = sim.tokens.admitted(request)
    business, name = sim.tokens.business_of(token)
    return json_response(
        {
            "BusinessAccountId": business,
            "BusinessAccountName": name,
            "CardholderAccountId": None,
            "UserType": "Admin",
            **_token(sim, token),
        }
    )


def renew_token(sim: PexSimulator, request: Request) -> Response:
    token = sim.tokens.renew(sim.tokens.admitted(request))
    return json_response(_token(sim, token))


def delete_token(sim: PexSimulator, request: Request) -> Response:
    sim.tokens.expire(sim.tokens.admitted(request))
    return json_response(None)


def exchange_jwt(sim: PexSimulator, request: Request) -> Response:
    scheme, _, jwt = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or jwt.count(".") != 2:
        raise RefusalError(401, "Invalid credentials")
    return json_response(sim.tokens.issue())


def _token(sim: PexSimulator, token: str) -> dict[str, Any]:
    return {
        "Username": ADMIN_NAME,
        "Token": token,
        "AppId": APP_ID,
        "TokenExpiration": eastern(sim.tokens.expirations[token]),
    }


def account_details(sim: PexSimulator, request: Request) -> Response:
    return json_response(
        {
            "BusinessAccountId": BUSINESS_ID,
            "BusinessAccountNumber": f"{BUSINESS_ID:09}",
            "BusinessName": BUSINESS_NAME,
            "BusinessAccountStatus": "OPEN",
            "BusinessAccountBalance": 48210.55,
            "PendingTransferAmount": 0.0,
            "CHAccountList": [_account(one) for one in sim.cardholders],
            "OpenCardholdersCount": len(sim.cardholders),
            "OpenVendorCardsCount": 0,
            "CardholderGroups": [
                {"Id": group, "Name": name} for group, name in GROUPS.items()
            ],
            "UserGroups": [],
            "BankAccountList": [],
        }
    )


def _account(one: Cardholder) -> dict[str, Any]:
    return {
        "AccountId": one.account_id,
        "FirstName": one.first_name,
        "LastName": one.last_name,
        "Email": f"{one.username}@example.com",
        "LedgerBalance": 500.0,
        "AvailableBalance": 321.45,
        "AccountStatus": "OPEN",
        "IsVirtual": False,
        "CardholderType": "TeamMember",
        "CustomId": f"E-{one.account_id % 1000}",
        "GroupId": one.group_id,
        "GroupName": one.group,
        "UserGroupId": None,
        "UserGroups": [],
        "CardStatus": "ACTIVE",
        "CardNumber4Digits": one.last_digits,
        "CardIssueDate": ISSUED,
        "CardExpiryDate": EXPIRES,
    }


def one_account(sim: PexSimulator, request: Request, account: str) -> Response:
    one = find_cardholder(sim, account)
    address = {"ContactName": one.name, **PLACE}
    return json_response(
        {
            "AccountId": one.account_id,
            "AccountStatus": "OPEN",
            "LedgerBalance": 500.0,
            "AvailableBalance": 321.45,
            "ProfileAddress": address,
            "Phone": "5550100",
            "ShippingAddress": address,
            "ShippingPhone": "5550100",
            "DateOfBirth": "1990-01-01T00:00:00",
            "Email": f"{one.username}@example.com",
            "IsVirtual": False,
            "CustomId": f"E-{one.account_id % 1000}",
            "Group": {"Id": one.group_id, "Name": one.group},
            "UserGroups": [],
            "CardList": [
                {
                    "CardId": one.account_id - 109_600,
                    "IssuedDate": ISSUED,
                    "ExpirationDate": EXPIRES,
                    "Last4CardNumber": one.last_digits,
                    "CardStatus": "ACTIVE",
                }
            ],
        }
    )


def find_cardholder(sim: PexSimulator, account: str) -> Cardholder:
    number = path_number(account)
    for one in sim.cardholders:
        if one.account_id == number:
            return one
    raise RefusalError(404, "Account not found")


def business_settings(sim: PexSimulator, request: Request) -> Response:
    has_tags = not sim.faults.is_on("tags_off")
    return json_response(
        {
            "SupportedCardType": ["Physical", "Virtual"],
            "UseBusinessBalance": False,
            "UseRemoteDecision": False,
            "BlockCardDefunding": False,
            "UseCardholderGroup": True,
            "TagsEnabled": has_tags,
            "AllocationTagsEnabled": has_tags,
            "FundingSource": "Prepaid",
            "CardLimit": 100,
            "VendorLimit": None,
            "DefaultDailyLimit": None,
            "UseReimbursements": False,
            "UseBillPay": False,
            "UseTagDependencies": has_tags and not sim.faults.is_on("dependencies_off"),
        }
    )


def business_profile(sim: PexSimulator, request: Request) -> Response:
    return json_response(
        {
            "BusinessAcctId": BUSINESS_ID,
            "FirstName": "Dana",
            "LastName": "Admin",
            "PhoneExtension": None,
            "Phone": "5550199",
            "Email": f"{ADMIN_NAME}@example.com",
            "DateOfBirth": "1980-01-01T00:00:00",
            "ProfileAddress": {"ContactName": "Dana Admin", **PLACE},
        }
    )


def my_profile(sim: PexSimulator, request: Request) -> Response:
    may_note = not sim.faults.is_on("note_forbidden")
    return json_response(
        {
            "Admin": {
                "BusinessAdminId": 7712,
                "FirstName": "Dana",
                "MiddleName": None,
                "LastName": "Admin",
                "UserName": ADMIN_NAME,
                "Email": f"{ADMIN_NAME}@example.com",
                "Phone": "5550199",
                "Permissions": {
                    "ViewCardTransactions": True,
                    "ModifyTransactionNotes": may_note,
                },
                "Status": "Active",
            }
        }
    )


ROUTES = [
    ("GET", "/v4/ping", ping),
    ("GET", "/v4/token/current", current_token),
    ("POST", "/v4/token/renew", renew_token),
    ("DELETE", "/v4/token", delete_token),
    ("POST", "/internal/v4/account/token/exchange", exchange_jwt),
    ("GET", "/v4/details/accountdetails", account_details),
    ("GET", "/v4/details/accountdetails/<account>", one_account),
    ("GET", "/v4/business/settings", business_settings),
    ("GET", "/v4/business/profile", business_profile),
    ("GET", "/v4/business/myprofile", my_profile),
]
