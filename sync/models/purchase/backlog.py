"""The backlog of a run: claiming from it, so that no purchase is ever leased twice at
once, telling those that it leaves out, and whose an invoice in CMiC is.

What a worker may do with the one it took is `sync.models.purchase`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection, models, transaction

from connector import clock
from connector.clock import lease_time
from connector.models import PexConnection
from connector.models.access import visible
from sync.models.purchase.indexes import UNFINISHED_ROW
from sync.models.run import SyncRun
from sync.rules.absence import (
    ABSENCES,
    AWAITED,
    DAY,
    GONE,
    outside_on_a_day,
)
from sync.rules.reasons import Reason, ReasonCode, Who
from sync.rules.selection import FINAL

if TYPE_CHECKING:
    from sync.models.purchase import PurchaseSync

# One statement: nobody else can come between finding a purchase and taking it. The
# statuses' names in descending order (posting, posted, pending) are their urgency.
_CLAIM = """
UPDATE sync_purchasesync SET claimed_by = %(token)s, claimed_until = %(until)s,
    updated_at = %(now)s
WHERE id = (
    SELECT purchase.id
    FROM sync_purchasesync purchase JOIN sync_syncrun run ON run.id = purchase.run_id
    WHERE run.id = %(run)s AND run.status = 'running' AND run.lane_set = %(lane_set)s
      AND purchase.status IN ('pending', 'posting', 'posted')
      AND NOT purchase.needs_person AND NOT purchase.is_deferred
      AND (purchase.not_before IS NULL OR purchase.not_before <= %(now)s)
      AND (purchase.claimed_until IS NULL OR purchase.claimed_until <= %(now)s)
    ORDER BY purchase.status DESC, purchase.pex_transaction_id
    LIMIT 1 FOR UPDATE OF purchase SKIP LOCKED
)
RETURNING *
"""


# PEX's list goes by the time of the transaction, as far as anybody knows: a purchase is
# gone only if neither of its times lies outside the days that were read.
_OCCURRED, _SETTLED = (
    f"({moment} AT TIME ZONE 'America/New_York')::date"
    for moment in ("occurred_at", "settled_at")
)
_OUT = "coalesce({} NOT BETWEEN %(first)s AND %(last)s, false)"
_IS_OUT = f"({_OUT.format(_OCCURRED)} OR {_OUT.format(_SETTLED)})"
_OUT_ON = f"CASE WHEN {_OUT.format(_OCCURRED)} THEN {_OCCURRED} ELSE {_SETTLED} END"
# In this form PostgreSQL makes a hash of the list, whatever it expects of the rows.
_IS_LISTED = "(pex_transaction_id = ANY (%(listed)s::bigint[]))"
_IS_UNLISTED = f"{_IS_LISTED} IS NOT TRUE"
# What is to be sent again, or was begun, is taken up whatever the days.
_WOULD_BE_SENT = "(status = 'blocked' OR status = 'pending' AND resend_count = 0)"
_IS_LEFT = """(status IN ('blocked', 'failed') OR status = 'posting' AND needs_person
    OR status = 'pending' AND resend_count = 0)"""
_IS_AWAITED = (
    "(status = 'skipped' AND reasons @? %(awaited)s AND NOT reasons @? %(final)s)"
)
_OTHERS = "jsonb_path_query_array(reasons, %(others)s)"
_SAYING = "replace(%({})s, %(day)s, to_char({}, 'YYYY-MM-DD'))::jsonb || " + _OTHERS
_EXPLAIN = """UPDATE sync_purchasesync SET reasons = {reasons}, updated_at = %(now)s
WHERE tenant_id = %(tenant)s AND (claimed_until IS NULL OR claimed_until <= %(now)s)
    AND {which} AND reasons <> {reasons}"""
_NOT_ABSENT = _EXPLAIN.format(
    reasons=_OTHERS,
    which=f"(reasons @? %(absent)s AND {_IS_LISTED} "
    f"OR reasons @? %(is_outside)s AND NOT {_IS_OUT})",
)
_OUTSIDE = _EXPLAIN.format(
    reasons=_SAYING.format("outside", _OUT_ON),
    # What is known to be gone is not brought back by other days.
    # Nor are days of any weight to what a person decides about.
    which=f"{_WOULD_BE_SENT} AND {_IS_OUT} AND {_IS_UNLISTED} "
    "AND NOT reasons @? %(is_gone)s",
)
_GONE = _EXPLAIN.format(
    reasons=_SAYING.format("gone", f"coalesce({_OCCURRED}, {_SETTLED})"),
    which=f"({_IS_LEFT} OR {_IS_AWAITED}) AND NOT {_IS_OUT} AND {_IS_UNLISTED} "
    "AND coalesce(occurred_at, settled_at) IS NOT NULL",
)


class PurchaseSyncQuerySet(models.QuerySet["PurchaseSync"]):
    def visible_to(
        self, user: AbstractBaseUser | AnonymousUser
    ) -> PurchaseSyncQuerySet:
        """Those of tenants that the person may see."""
        return visible(self, user)

    def unfinished(self) -> PurchaseSyncQuerySet:
        """What its run must still work on: to send, look up or mark."""
        return self.filter(UNFINISHED_ROW)

    def stranger_reason(self, row: PurchaseSync, invoice_uuid: str) -> Reason | None:
        """Why CMiC's invoice of the row's number is not its own although the amounts
        agree: two businesses in one company may have equal transaction ids. Else None.
        """
        pex = row.tenant.pex_or_none
        mine = pex.business if pex else None
        if mine is None or not invoice_uuid:
            return None
        same = self.filter(
            invoice_number=row.computed_number, cmic_invoice_uuid=invoice_uuid
        )
        others = same.exclude(tenant=row.tenant_id).values("tenant")
        theirs = PexConnection.objects.without_secrets().filter(tenant__in=others)
        if all(
            each.business is None or each.reads(mine) or each.has_read(mine)
            for each in theirs
        ):
            return None
        return Reason(
            ReasonCode.REFUSED_BY_CMIC,
            f"CMiC's invoice {row.computed_number} is a purchase of another PEX "
            "business that is booked in the same company. Book this one in CMiC by "
            "hand and press “Mark as synced”.",
            Who.SUPPORT,
        )

    def claim_next(self, run: SyncRun, now: datetime) -> PurchaseSync | None:
        """Take one due purchase of the run for a lease, or None.

        Two workers never get the same.

        Rows whose sending was begun come first: they may be in CMiC already. None also
        once the run has ended, or other lanes than those of `run.lane_set` work on it.
        """
        claimed = self.raw(
            _CLAIM,
            {
                "token": uuid.uuid4(),
                "now": now,
                "until": now + lease_time(),
                "run": run.pk,
                "lane_set": run.lane_set,
            },
        )
        return next(iter(claimed), None)


def explain_absent(run: SyncRun, listed: Iterable[int], *, is_whole: bool) -> None:
    """Tell open rows that the run's list of PEX lacks why no sync looks at them.

    `listed` are the transaction ids of the list; `is_whole` says that it has all that
    PEX knows of the run's days. Only then can a purchase be gone: a list that was cut,
    or that has rows which cannot be read, proves nothing. Statuses stay, and so do the
    reasons that a row has; what is listed again loses what was said here.

    Raises `RunLostError` after others took the run over.
    """
    values: dict[str, Any] = {
        "tenant": run.tenant_id,
        "first": run.window_from,
        "last": run.window_to,
        "listed": list(listed),
        "now": clock.now(),
        "day": DAY,
        "outside": json.dumps(outside_on_a_day(run.window).to_json()),
        "gone": json.dumps(GONE.to_json()),
        "is_outside": _path([ReasonCode.OUTSIDE_WINDOW]),
        "is_gone": _path([ReasonCode.GONE_FROM_PEX]),
        "absent": _path(ABSENCES),
        "others": _path(ABSENCES, "!"),
        "awaited": _path(AWAITED),
        "final": _path(FINAL),
    }
    statements = [_NOT_ABSENT, _OUTSIDE, *([_GONE] if is_whole else [])]
    with transaction.atomic(), connection.cursor() as cursor:
        run.beat(clock.now())
        for statement in statements:
            cursor.execute(statement, values)


def _path(codes: Iterable[str], negated: str = "") -> str:
    """The JSON path of reasons with one of these codes, or with none of them."""
    alike = " || ".join(f'@.code == "{code}"' for code in sorted(codes))
    return f"$[*] ? ({negated}({alike}))"
