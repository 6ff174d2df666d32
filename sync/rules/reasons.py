"""What judging makes of a purchase and why: the codes, and who can act on each.

The sentences are written where the facts are known; the codes are a contract.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Who(StrEnum):
    """Who can remove a reason."""

    CARDHOLDER = "cardholder"
    APPROVER = "approver"
    PEX_ADMIN = "pex_admin"
    CMIC_ADMIN = "cmic_admin"
    SUPPORT = "support"


class Verdict(StrEnum):
    """What judging makes of a purchase: to be sent, not for sending, or held back."""

    PENDING = "pending"
    SKIPPED = "skipped"
    BLOCKED = "blocked"


class ReasonCode(StrEnum):
    PENDING = "pending"
    DECLINED = "declined"
    NOT_A_PURCHASE = "not_a_purchase"
    REFUND_HELD = "refund_held"
    REFUND_LEFT_OUT = "refund_left_out"
    NOT_APPROVED = "not_approved"
    NO_ATTACHMENT = "no_attachment"
    ALREADY_SYNCED = "already_synced"
    VALUE_MISSING = "value_missing"
    VALUE_UNKNOWN = "value_unknown"
    VALUE_INACTIVE = "value_inactive"
    COMBINATION_INVALID = "combination_invalid"
    SPLIT_MISMATCH = "split_mismatch"
    ZERO_AMOUNT = "zero_amount"
    RECEIPT_UNUSABLE = "receipt_unusable"
    LOST_ANSWER = "lost_answer"
    REFUSED_BY_CMIC = "refused_by_cmic"
    GONE_FROM_PEX = "gone_from_pex"
    OUTAGE = "outage"
    CREDENTIALS_REFUSED = "credentials_refused"
    SENT_BY_OTHER_TENANT = "sent_by_other_tenant"
    OUTSIDE_WINDOW = "outside_window"


# The field of a reason that waits for a person to settle the marker in PEX.
MARKER = "marker"
# Of one that waits for CMiC to show the invoice, or to show it as this purchase has it.
INVOICE = "invoice"


def code_title(code: str) -> str:
    """What people call a reason's code, in the middle of a sentence; also one that
    another release wrote. “Pending” is a status too, of what goes next."""
    if code == ReasonCode.PENDING:
        return "not settled yet"
    return code.replace("_", " ").replace("cmic", "CMiC").replace("pex", "PEX")


# Not for sending at all; every other code blocks a purchase that should be sent.
SKIPPING = frozenset(
    {
        ReasonCode.PENDING,
        ReasonCode.DECLINED,
        ReasonCode.NOT_A_PURCHASE,
        ReasonCode.REFUND_LEFT_OUT,
        ReasonCode.NOT_APPROVED,
        ReasonCode.NO_ATTACHMENT,
        ReasonCode.ALREADY_SYNCED,
        ReasonCode.ZERO_AMOUNT,
    }
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: its code, a sentence, and who can act.

    Where a value is to blame: the `field` that it stands in, its `kind` in CMiC, the
    `value` itself, and in `place` the codes that it hangs on. Purchases that share
    these and the code wait for the same thing; the sentence may say more of each.
    """

    code: ReasonCode
    message: str
    who: Who
    field: str = ""
    kind: str = ""
    value: str = ""
    place: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What is empty is left out; numbers of a purchase have no place here."""
        plain = asdict(self) | {"place": list(self.place)}
        return {
            key: value if key == "place" else str(value)
            for key, value in plain.items()
            if value
        }


def cause_key(reason: Mapping[str, Any]) -> str:
    """Names the cause of a reason's JSON, as `sync_cause_keys` does in the database."""
    place = " / ".join(reason.get("place", ()))
    parts = (reason.get("code", ""), reason.get("field", ""), reason.get("value", ""))
    return hashlib.md5("|".join((*parts, place)).encode()).hexdigest()  # noqa: S324
