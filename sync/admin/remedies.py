"""What can be done about each reason, in a sentence, and where in the admin.

Why a purchase is held is said by the reason itself; here is only the way out.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from sync.rules.reasons import INVOICE, MARKER, ReasonCode

_SETTINGS = ("transactions", "Open the transaction settings")
_MAPPINGS = ("mappings", "Open the field mappings")
_NOTHING = "Nothing to do"
_CONNECTIONS = ("general", "Open the connections")

# The sentence, and the parts of the tenant's page that it speaks of.
_REMEDIES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    ReasonCode.PENDING: (
        "Nothing to do: the first sync after it has settled takes it up.",
        (),
    ),
    ReasonCode.DECLINED: ("Nothing to do.", ()),
    ReasonCode.NOT_A_PURCHASE: ("Nothing to do.", ()),
    ReasonCode.REFUND_HELD: (
        "Book it in CMiC by hand and press “Mark as synced”, or have the settings send "
        "refunds or leave them out.",
        (_SETTINGS,),
    ),
    ReasonCode.REFUND_LEFT_OUT: (
        "Nothing to do, unless the settings should send refunds.",
        (_SETTINGS,),
    ),
    ReasonCode.NOT_APPROVED: (
        "Approve it in PEX, or have the settings take all purchases.",
        (_SETTINGS,),
    ),
    ReasonCode.NO_ATTACHMENT: (
        "Add the receipt in PEX, or have the settings take purchases without one.",
        (_SETTINGS,),
    ),
    ReasonCode.ALREADY_SYNCED: (
        "Nothing to do if CMiC has it. If you have looked and it does not, delete the "
        "note in PEX: the next sync then sends it.",
        (),
    ),
    ReasonCode.VALUE_MISSING: (
        "Choose the value in PEX, or give the mapping a default.",
        (_MAPPINGS,),
    ),
    ReasonCode.VALUE_UNKNOWN: (
        "Choose another value in PEX, or create it in CMiC and refresh the codes.",
        (_MAPPINGS,),
    ),
    ReasonCode.VALUE_INACTIVE: (
        "Choose another value in PEX, or open it again in CMiC and refresh the codes.",
        (_MAPPINGS,),
    ),
    ReasonCode.COMBINATION_INVALID: (
        "Choose values in PEX that belong together, or open this one there in CMiC and "
        "refresh the codes.",
        (_MAPPINGS,),
    ),
    ReasonCode.SPLIT_MISMATCH: (
        "Correct the splits in PEX until each has an amount and tags, and they add up "
        "to the purchase.",
        (),
    ),
    ReasonCode.ZERO_AMOUNT: ("Nothing to do.", ()),
    ReasonCode.RECEIPT_UNUSABLE: (
        "Load the receipt into PEX once more, as a PDF, PNG or JPEG that opens, or let "
        "the settings send it with “No Attachment”. One that PEX has not loaded yet is "
        "waited for.",
        (_SETTINGS,),
    ),
    ReasonCode.LOST_ANSWER: (
        "Look for the number in CMiC, then press “It is there” or “Send again”.",
        (),
    ),
    ReasonCode.REFUSED_BY_CMIC: (
        "Put right what CMiC names, then press “Retry”.",
        (),
    ),
    ReasonCode.OUTAGE: ("Nothing to do: the next sync tries it again.", ()),
    ReasonCode.CREDENTIALS_REFUSED: (
        "Grant the right that is named, or enter credentials that work; the next sync "
        "goes on.",
        (_CONNECTIONS,),
    ),
    ReasonCode.SENT_BY_OTHER_TENANT: (
        "Decide which of the two tenants is to sync this PEX business, and disconnect "
        "PEX from the other one. Invoices that the other one has sent stay in CMiC; "
        "purchases that CMiC refused there go with this tenant's next sync.",
        (_CONNECTIONS,),
    ),
    ReasonCode.OUTSIDE_WINDOW: (
        "Set a start and end date that take its day in, then press “Execute”: an "
        "automatic sync reads two months at most. No sync reads what is more than a "
        "year old: book that in CMiC by hand, then press “Mark as synced”.",
        (_SETTINGS,),
    ),
    ReasonCode.GONE_FROM_PEX: (
        "Look for it in PEX. What stands there under another transaction id is synced "
        "as that one, and what was cancelled is never sent; if CMiC has an invoice of "
        "it, have that one reversed there. To take it off this list, press “Mark as "
        "synced”.",
        (),
    ),
}
# For reasons of a field that say more than their code.
_OF_FIELDS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    MARKER: (
        "Write the note “Synced with CMiC” on the purchase in PEX and press “Marker "
        "written by hand”, or press “Leave without marker”. If a right was missing and "
        "has been granted, press “Retry”.",
        (),
    ),
    INVOICE: (
        "Look at the invoice in CMiC. The next sync goes on by itself once CMiC shows "
        "it with the amount of the purchase. If it is not there, press “Retry”; if it "
        "is to stay as it is, press “Mark as synced”.",
        (),
    ),
}


@dataclass(frozen=True, slots=True)
class Remedy:
    """`links` are pairs of address and text."""

    sentence: str
    links: tuple[tuple[str, str], ...] = ()

    @property
    def asks(self) -> bool:
        """Whether anybody has to do something."""
        return not self.sentence.startswith(_NOTHING)


def remedy_for(code: str, tenant_id: int, field: str = "") -> Remedy:
    """The way out of a reason with that code and field; an empty one for a code that is
    not known here."""
    sentence, parts = _OF_FIELDS.get(field) or _REMEDIES.get(code, ("", ()))
    page = reverse("admin:connector_tenant_change", args=[tenant_id])
    return Remedy(sentence, tuple((f"{page}#{part}", text) for part, text in parts))
