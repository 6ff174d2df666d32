"""The backlog of a run, and claiming from it: no purchase is ever leased twice at once.
Also whose an invoice in CMiC is.

What a worker may do with the one it took is `sync.models.purchase`.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

from connector.clock import lease_time
from connector.models import PexConnection
from connector.models.access import visible
from sync.models.purchase_indexes import UNFINISHED_ROW
from sync.models.run import SyncRun
from sync.rules.reasons import Reason, ReasonCode, Who

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
