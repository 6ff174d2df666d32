"""How long the texts of an invoice may be, where CMiC has refused one for its length.

How many bytes a column of CMiC's takes is the customer's to set and told nowhere: so a
refusal is answered once, by itself, with a much shorter text.
"""

from __future__ import annotations

import re

from sync.models import PurchaseSync, SyncAttempt
from sync.rules.invoicing import (
    DESCRIPTION_LIMIT,
    SHORT_DESCRIPTION_LIMIT,
    describe,
)

_TOO_LONG = re.compile(
    r"ORA-12899|value too large for column|exceeds \d+ (characters|bytes)",
    re.IGNORECASE,
)


def width_for(row: PurchaseSync) -> int:
    """How many bytes its description may take: fewer once CMiC has refused a text of
    this invoice for its length."""
    if row.attempt_count and _refusals(row):
        return SHORT_DESCRIPTION_LIMIT
    return DESCRIPTION_LIMIT


def goes_shorter(row: PurchaseSync) -> bool:
    """Whether what CMiC has just refused was too long for the first time, and there is
    something to cut off."""
    whole = describe(row.merchant, row.cardholder).encode()
    return len(whole) > SHORT_DESCRIPTION_LIMIT and _refusals(row) == 1


def _refusals(row: PurchaseSync) -> int:
    """How often CMiC has certainly not taken this invoice because a text is too long.

    A 2xx with an error does not count: CMiC may have it all the same.
    """
    refused = row.attempts.filter(
        invoice_number=row.computed_number,
        outcome=SyncAttempt.Outcome.REFUSED,
        answer_status__gte=400,
    )
    answers = refused.values_list("answer", flat=True)
    return sum(bool(_TOO_LONG.search(answer)) for answer in answers)
