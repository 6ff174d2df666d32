"""The customers of the demo that have a past, and the trouble that each had."""

from __future__ import annotations

from dataclasses import dataclass

from connector.api.cmic.types import CodeKind
from sync.models import Status
from sync.rules.reasons import Reason, ReasonCode, Who


@dataclass(frozen=True)
class Trouble:
    """From `ago` days ago on `count` purchases are held, one a day or more at once;
    `lasted` days, or until today."""

    reason: Reason
    ago: int
    count: int
    lasted: int | None = None
    is_spread: bool = False
    status: Status = Status.BLOCKED


@dataclass(frozen=True)
class Customer:
    """`a_day` purchases of a business day; the next sync is `next_in` hours ahead.

    `ended` is how many days ago its last good run was.
    """

    slug: str
    name: str
    a_day: int = 0
    next_in: float = 0
    ended: int = 0
    troubles: tuple[Trouble, ...] = ()
    outage: int | None = None
    is_refused: bool = False
    is_disconnected: bool = False


def _job(code: ReasonCode, value: str, sentence: str, who: Who) -> Reason:
    field = "Job/Dept/Eqp."
    message = f"{field}: {sentence}"
    return Reason(code, message, who, field=field, kind=CodeKind.JOB, value=value)


UNKNOWN_JOB = _job(
    ReasonCode.VALUE_UNKNOWN,
    "25.070",
    "CMiC has no job “25.070” (tag).",
    Who.CARDHOLDER,
)
CLOSED_JOB = _job(
    ReasonCode.VALUE_INACTIVE,
    "018006",
    "the job “018006” is closed or inactive in CMiC (tag).",
    Who.CARDHOLDER,
)
NO_COST_CODE = Reason(
    ReasonCode.VALUE_MISSING,
    "Cost Code/Account/Category: the purchase has no tag “Cost Code/Account/Category”, "
    "and the mapping has no default.",
    Who.CARDHOLDER,
    field="Cost Code/Account/Category",
)
REFUND = Reason(
    ReasonCode.REFUND_HELD,
    "A refund or credit: the tenant's settings hold these for a person.",
    Who.SUPPORT,
)
REFUSED = Reason(
    ReasonCode.REFUSED_BY_CMIC,
    "CMiC refused the invoice: The accounting period is closed for accounts payable.",
    Who.CMIC_ADMIN,
    value="The accounting period is closed for accounts payable.",
)
DECLINE = Reason(
    ReasonCode.DECLINED, "The purchase was declined; no money moved.", Who.CARDHOLDER
)

# What CMiC's client says where the password is another one by now.
REFUSAL = "CMiC refused the credentials."

CUSTOMERS = (
    Customer(
        "cedar",
        "Cedar Ridge Homes",
        a_day=34,
        next_in=7.2,
        troubles=(Trouble(CLOSED_JOB, ago=19, count=14, lasted=4),),
    ),
    Customer(
        "delta",
        "Delta Mechanical",
        a_day=27,
        next_in=9.6,
        troubles=(
            Trouble(NO_COST_CODE, ago=26, count=9, lasted=6, is_spread=True),
            Trouble(UNKNOWN_JOB, ago=8, count=7, is_spread=True),
            Trouble(REFUND, ago=5, count=2),
            Trouble(REFUSED, ago=3, count=3, status=Status.FAILED),
        ),
    ),
    Customer("evergreen", "Evergreen Paving", a_day=21, next_in=12.4, outage=12),
    Customer(
        "fairview",
        "Fairview Electric",
        a_day=16,
        next_in=15.1,
        ended=2,
        troubles=(Trouble(REFUSED, ago=15, count=5, lasted=3, status=Status.FAILED),),
        is_refused=True,
    ),
    Customer("granite", "Granite Concrete"),
    Customer("harbor", "Harbor Interiors", a_day=11, ended=11, is_disconnected=True),
)
