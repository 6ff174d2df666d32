"""Who reads a tenant's codes anew, how far they are, and how the last reading ended.

Owns the lease that lets one process at a time do it; reading is
`connector.codes.reading`. Each move is one guarded UPDATE, so that a process may die
between any two of them.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q

from connector.api.exceptions import RefreshActiveError
from connector.clock import lease_time
from connector.models.codes import KIND_CHOICES
from connector.models.tenant import Tenant


class RefreshStateQuerySet(models.QuerySet["RefreshState"]):
    def free(self, now: datetime) -> RefreshStateQuerySet:
        """No lease is held, or it has expired."""
        return self.filter(Q(claimed_until=None) | Q(claimed_until__lte=now))

    def request(self, tenant: Tenant, now: datetime) -> bool:
        """Ask for the codes to be read anew; False if they are or will be anyway.

        The request stays until it is met, whoever dies or loses a message meanwhile.
        """
        self.get_or_create(tenant=tenant)
        is_read = Q(is_whole=True, claimed_until__gt=now)
        unasked = self.filter(tenant=tenant, requested_at=None).exclude(is_read)
        return unasked.update(requested_at=now) == 1

    def claim(
        self,
        tenant: Tenant,
        now: datetime,
        *,
        is_whole: bool = False,
        only_requested: bool = False,
    ) -> RefreshState:
        """The state, in the caller's hands for a lease from `now`.

        `is_whole` says that everything will be read, which meets a request.

        Raises `RefreshActiveError` if it is in another's, or `only_requested` and the
        request has been met.
        """
        self.get_or_create(tenant=tenant)
        claimable = self.free(now).filter(tenant=tenant)
        if only_requested:
            claimable = claimable.exclude(requested_at=None)
        mine = RefreshState(
            tenant=tenant,
            claimed_by=uuid.uuid4(),
            claimed_until=now + lease_time(),
            started_at=now,
            is_whole=is_whole,
        )
        changed = claimable.update(
            claimed_by=mine.claimed_by,
            claimed_until=mine.claimed_until,
            started_at=now,
            is_whole=is_whole,
            kind="",
            rows=0,
        )
        if not changed:
            raise RefreshActiveError(tenant.name)
        return mine


class RefreshState(models.Model):
    """One row a tenant.

    `kind`, its `rows` so far and `is_whole` are of the reading that goes on, if one
    does; `refreshed_at` and `company` of the last one of everything that ended well.
    """

    tenant = models.OneToOneField(
        Tenant,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="refresh_state",
    )
    requested_at = models.DateTimeField(null=True)
    claimed_by = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    is_whole = models.BooleanField(default=False)
    kind = models.CharField(max_length=20, choices=KIND_CHOICES, blank=True)
    rows = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    is_ok = models.BooleanField(null=True)
    message = models.TextField(blank=True)
    refreshed_at = models.DateTimeField(null=True)
    company = models.CharField(max_length=8, blank=True)

    objects = RefreshStateQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Codes of {self.tenant}"

    def is_active(self, now: datetime) -> bool:
        return self.claimed_until is not None and self.claimed_until > now

    def report(self, kind: str, rows: int, now: datetime) -> None:
        """Say how far it is, and keep it for another lease.

        Raises `RefreshActiveError` if another process holds the lease by now.
        """
        self._change(kind=kind, rows=rows, claimed_until=now + lease_time())

    def end(self, now: datetime, *, is_ok: bool, message: str) -> None:
        """Give it back; reading everything also meets a request, well or not.

        Raises as `report` does.
        """
        changes: dict[str, Any] = {"requested_at": None} if self.is_whole else {}
        if self.is_whole and is_ok:
            changes |= {"refreshed_at": self.started_at, "company": self.company}
        self._change(
            claimed_by=None,
            claimed_until=None,
            is_whole=False,
            kind="",
            ended_at=now,
            is_ok=is_ok,
            message=message,
            **changes,
        )

    def _change(self, **changes: Any) -> None:
        mine = RefreshState.objects.filter(
            tenant=self.tenant_id, claimed_by=self.claimed_by
        )
        if not mine.update(**changes):
            raise RefreshActiveError(self.tenant.name)
