"""SyncRun: one pass over one tenant, and what it ended with for each purchase.

Owns the run's states and heartbeat; which purchases it holds is read from their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection, models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from connector import clock
from connector.clock import lease_time
from connector.models import PersonName, Tenant
from connector.models.access import visible
from sync.models.heartbeat import (
    forget_beats,
    newest_beat,
    not_earlier,
    remember_beat,
)
from sync.models.run.indexes import CONSTRAINTS, INDEXES
from sync.models.states import Status
from sync.rules.window import Window

_HOLD = """
SELECT id FROM sync_syncrun
WHERE id = %s AND status = 'running' AND lane_set = %s
  AND coalesce(heartbeat_at >= %s, true)
FOR SHARE
"""


class RunLostError(Exception):
    """The fencing token is outdated, the run has ended, or an older database was put
    back: this worker must stop."""


class SyncRunQuerySet(models.QuerySet["SyncRun"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> SyncRunQuerySet:
        """Those of tenants that the person may see."""
        return visible(self, user)

    def active(self) -> SyncRunQuerySet:
        return self.filter(status__in=SyncRun.ACTIVE)


class SyncRun(models.Model):
    """`queued → running → succeeded | partial | failed | stopped`."""

    class Trigger(models.TextChoices):
        AUTO = "auto", _("automatic")
        MANUAL = "manual", _("by a person")
        WEBHOOK = "webhook", _("by PEX")

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        PARTIAL = "partial", _("partial")
        FAILED = "failed", _("failed")
        STOPPED = "stopped", _("stopped")

    class Reason(models.TextChoices):
        OUTAGE = "outage", _("outage")
        CREDENTIALS_REFUSED = "credentials_refused", _("credentials refused")

    ACTIVE = (State.QUEUED, State.RUNNING)

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="runs")
    trigger = models.CharField(max_length=10, choices=Trigger)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    started_by_name = PersonName("started_by")
    status = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    reason = models.CharField(max_length=30, choices=Reason, blank=True)
    message = models.TextField(blank=True)
    window_from = models.DateField()
    window_to = models.DateField()
    counts = models.JSONField(default=dict, blank=True)

    created_at = models.DateTimeField(default=clock.now, editable=False)
    started_at = models.DateTimeField(null=True)
    prepared_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    resume_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # Faults of the other side without a success in between: an outage begins so.
    fault_count = models.PositiveIntegerField(default=0)
    fault_at = models.DateTimeField(null=True)
    fault_system = models.CharField(max_length=10, blank=True)
    # Stages of preparing that are not done again, with what each has to tell people.
    tags_synced_at = models.DateTimeField(null=True)
    judged_at = models.DateTimeField(null=True)
    judged_with = models.CharField(max_length=32, blank=True, default="", db_default="")
    remarks = models.JSONField(
        default=dict, blank=True, db_default=Value({}, models.JSONField())
    )
    looks_up_each = models.BooleanField(default=False, db_default=False)
    # How often it was begun anew without a purchase getting further in between.
    restart_count = models.PositiveIntegerField(default=0, db_default=0)
    # The fencing token of whoever prepares the run and of its lanes. It grows with each
    # takeover: a worker that was taken for dead holds an old one, and changes nothing.
    lane_set = models.PositiveIntegerField(default=0)

    objects = SyncRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("run")
        ordering = ["-created_at", "-pk"]
        permissions = [("execute_sync", _("Can execute a sync"))]
        constraints = CONSTRAINTS
        indexes = INDEXES

    def __str__(self) -> str:
        return f"Run {self.pk} of {self.tenant}"

    @property
    def window(self) -> Window:
        """The days covered."""
        return Window(self.window_from, self.window_to)

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE

    @property
    def queue(self) -> str:
        """People do not wait behind the night's runs."""
        return "manual" if self.trigger == self.Trigger.MANUAL else "auto"

    @property
    def _identity(self) -> tuple[int, datetime]:
        return self.pk, self.created_at

    def start_preparing(self, now: datetime) -> bool:
        """Claim the preparing of a run that is queued, lost its heartbeat or has waited
        long enough; False if somebody has it.

        No lane of an older set works on after that.
        """
        is_silent = Q(heartbeat_at=None) | Q(heartbeat_at__lte=now - lease_time())
        has_died = Q(status=self.State.RUNNING, resume_at=None) & is_silent
        changed = (
            SyncRun.objects.active()
            .filter(pk=self.pk)
            .filter(Q(status=self.State.QUEUED) | Q(resume_at__lte=now) | has_died)
            .update(
                status=self.State.RUNNING,
                started_at=Coalesce("started_at", now),
                heartbeat_at=now,
                resume_at=None,
                lane_set=F("lane_set") + 1,
                restart_count=Case(
                    When(has_died, then=F("restart_count") + 1),
                    default=F("restart_count"),
                    output_field=models.PositiveIntegerField(),
                ),
                # Whoever died may have been the database: what lanes have sent is told
                # by PEX.
                judged_at=Case(
                    When(has_died & Q(prepared_at__isnull=False), then=None),
                    default=F("judged_at"),
                    output_field=models.DateTimeField(),
                ),
            )
        )
        self.refresh_from_db()
        if changed:
            forget_beats(self._identity)
        return changed == 1

    def beat(self, now: datetime) -> None:
        """Heartbeat: this worker is alive.

        Inside a transaction it also locks the row, so that no other worker takes the
        run over before the end. Raises `RunLostError` if one has already.
        """
        if not self._mine().update(heartbeat_at=not_earlier(now)):
            raise self._lost()
        self.heartbeat_at = now
        if not connection.in_atomic_block:
            # Nobody else sees what is not committed, and it may never be.
            remember_beat(self._identity, now)

    def hold(self) -> None:
        """Keep the run from being taken over or ended until the transaction's end,
        beside other lanes. Raises `RunLostError` if it has been already."""
        with connection.cursor() as cursor:
            # PostgreSQL asks the conditions again after having waited for the row.
            cursor.execute(
                _HOLD,
                [
                    self.pk,
                    self.lane_set,
                    newest_beat(self._identity, self.heartbeat_at),
                ],
            )
            if cursor.fetchone() is None:
                raise self._lost()

    def is_older_than(self, lane_set: int, beat: datetime | None) -> bool:
        """Whether a lane, or another of this process, knows a later state of it than
        this row: an older database was put back, and what was done since is not on
        record."""
        if self.lane_set != lane_set:
            return self.lane_set < lane_set
        newest = newest_beat(self._identity, beat)
        if newest is None or self._has_beaten(newest):
            return False
        # It may have been read before another lane beat; what that committed is there.
        self.refresh_from_db()
        return self.lane_set == lane_set and not self._has_beaten(newest)

    def _has_beaten(self, moment: datetime) -> bool:
        return self.heartbeat_at is not None and self.heartbeat_at >= moment

    def remember(self, stage: str, remarks: Sequence[str], **changes: Any) -> None:
        """A stage of preparing is done, with what it has to say to people.

        Raises `RunLostError` if others work on it by now.
        """
        if not self._change(remarks={**self.remarks, stage: list(remarks)}, **changes):
            raise self._lost()

    @property
    def remarks_text(self) -> str:
        """What the stages of preparing have to say, in their order."""
        return " ".join(each for found in self.remarks.values() for each in found)

    def finish_preparing(self, now: datetime) -> bool:
        """With what its stages have to say as the message; False if others have it."""
        return self._change(
            prepared_at=Coalesce("prepared_at", now),
            heartbeat_at=not_earlier(now),
            message=self.remarks_text,
        )

    def prepare_again(self, now: datetime, *, is_too_old: bool = False) -> bool:
        """Stop the lanes and have the run prepared; False if others were first.

        `is_too_old` counts: what was judged was too old before it could be sent.
        """
        return self._change(
            resume_at=now,
            lane_set=F("lane_set") + 1,
            restart_count=F("restart_count") + int(is_too_old),
        )

    def judge_anew(self, now: datetime, lane_set: int) -> None:
        """The same for a lane of that set that knows later things than the database:
        the purchases are judged anew whatever the row says."""
        same = SyncRun.objects.filter(
            pk=self.pk, status=self.State.RUNNING, lane_set=self.lane_set
        )
        same.update(
            resume_at=now,
            judged_at=None,
            lane_set=Greatest(F("lane_set"), lane_set) + 1,
        )
        forget_beats(self._identity)

    def new_lanes(self, now: datetime) -> int:
        """A new fencing token for the next lanes; those with an older one stop."""
        self._change(
            lane_set=F("lane_set") + 1, heartbeat_at=not_earlier(now), resume_at=None
        )
        return self.lane_set

    def pause(
        self, now: datetime, message: str, resume_at: datetime, system: str
    ) -> bool:
        """An outage: stay running, with the reason, and try again at `resume_at`."""
        return self._change(
            reason=self.Reason.OUTAGE,
            message=message,
            paused_at=Coalesce("paused_at", now),
            fault_count=0,
            fault_at=None,
            fault_system=system,
            resume_at=resume_at,
            heartbeat_at=not_earlier(now),
            lane_set=F("lane_set") + 1,
        )

    def wait_for_limit(self, now: datetime, message: str, resume_at: datetime) -> bool:
        """No outage: the limit of calls is reached, and the run goes on after it."""
        return self._change(
            message=message,
            resume_at=resume_at,
            heartbeat_at=not_earlier(now),
            lane_set=F("lane_set") + 1,
        )

    def count_fault(self, now: datetime, system: str) -> int:
        """Consecutive faults of the system, over all lanes.

        A purchase that it answered since the last fault starts the count anew.
        """
        self.refresh_from_db(fields=["fault_at", "fault_system"])
        is_first = (
            self.fault_at is None
            or self.fault_system != system
            or self._was_answered(system, self.fault_at)
        )
        count = 1 if is_first else F("fault_count") + 1
        self._change(fault_count=count, fault_at=now, fault_system=system)
        return self.fault_count

    def _was_answered(self, system: str, since: datetime) -> bool:
        answered = Q(completed_at__gt=since)
        if system != "PEX":
            refused = Q(status=Status.FAILED, updated_at__gt=since)
            answered = Q(posted_at__gt=since) | refused
        return self.purchases.filter(answered).exists()

    def note_success(self) -> None:
        """The other side answered: the outage is over, if there was one."""
        if self.paused_at is not None:
            self._change(
                fault_count=0,
                fault_at=None,
                reason="",
                message=self.remarks_text,
                paused_at=None,
            )

    def note_progress(self) -> None:
        """A purchase was worked on: the run was not begun anew in vain."""
        if self.restart_count:
            self._change(restart_count=0)

    def end(
        self,
        state: State,
        now: datetime,
        *,
        counts: dict[str, int],
        reason: str = "",
        message: str | None = None,
    ) -> bool:
        """False if it had ended already, or the fencing token is outdated.

        Frees the tenant for the next run.
        """
        changes = {} if message is None else {"message": message}
        with transaction.atomic():
            changed = (
                SyncRun.objects.active()
                .filter(pk=self.pk, lane_set=self.lane_set)
                .update(
                    status=state,
                    reason=reason,
                    counts=counts,
                    ended_at=now,
                    resume_at=None,
                    **changes,
                )
            )
            if changed:
                self._keep_outcomes()
        if changed:
            self.refresh_from_db()
        return changed == 1

    def _keep_outcomes(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO sync_runoutcome (run_id, purchase_id, status, reasons) "
                "SELECT run_id, id, status, reasons FROM sync_purchasesync "
                "WHERE run_id = %s ON CONFLICT DO NOTHING",
                [self.pk],
            )

    def _change(self, **changes: Any) -> bool:
        """False, and no change, where the fencing token is outdated; the instance then
        keeps its old values."""
        changed = self._mine().update(**changes)
        if changed:
            self.refresh_from_db()
        return changed == 1

    def _lost(self) -> RunLostError:
        return RunLostError(f"{self} was taken over or has ended.")

    def _mine(self) -> models.QuerySet[SyncRun]:
        mine = SyncRun.objects.filter(
            pk=self.pk, status=self.State.RUNNING, lane_set=self.lane_set
        )
        known = newest_beat(self._identity, self.heartbeat_at)
        return mine if known is None else mine.filter(heartbeat_at__gte=known)
