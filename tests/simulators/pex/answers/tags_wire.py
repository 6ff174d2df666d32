"""How tag definitions and their options look on the wire."""

from __future__ import annotations

from typing import Any

from tests.simulators.pex.answers.wire import utc
from tests.simulators.pex.seeding.people import ADMIN_NAME
from tests.simulators.pex.tags import Definition, Option

Row = dict[str, Any]
ADMIN_AUTHOR: Row = {
    "AdminId": 7712,
    "UserId": 551201,
    "PexUserId": 990012345,
    "UserName": ADMIN_NAME,
    "FirstName": "Dana",
    "LastName": "Admin",
}


def definition_row(one: Definition, *, show_restricted: bool) -> Row:
    row: Row = {
        "Id": one.id,
        "Type": one.type,
        "Name": one.name,
        "Description": one.description,
        "Order": one.order,
        "IsRequired": one.is_required,
        "IsEnabled": one.is_enabled,
        "IsDeleted": one.is_deleted,
        "ConcurrencyKey": one.concurrency_key,
        "CreatedDateUtc": utc(one.created_at),
        "CreatedBy": ADMIN_AUTHOR,
        "UpdatedDateUtc": utc(one.updated_at),
        "UpdatedBy": ADMIN_AUTHOR,
        "DeletedDateUtc": None,
        "DeletedBy": None,
    }
    if one.type == "Dropdown":
        row["Options"] = [
            option_row(option)
            for option in one.options
            if show_restricted or option.value not in one.restricted
        ]
    elif one.type == "Allocation":
        row["Tags"] = [
            {"TagId": member, "Order": order}
            for order, member in enumerate(one.members, start=1)
        ]
    return row


def option_row(option: Option) -> Row:
    return {
        "Name": option.name,
        "Value": option.value,
        "Order": option.order,
        "IsEnabled": option.is_enabled,
    }
