"""PurchaseSync: all that is remembered of one purchase's way into CMiC, for ever.

Owns every move between states: each is one UPDATE guarded by the lease's token and the
status before, so that a worker that lost its lease can change nothing. Taking a lease
is `sync.models.purchase.backlog`. What to do next is decided in `sync.engine`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from connector import clock
from connector.api.cmic.types import FoundInvoice
from connector.clock import lease_time
from connector.models import Tenant
from connector.models.judging_basis import basis_of
from sync.models.purchase.backlog import PurchaseSyncQuerySet
from sync.models.purchase.indexes import CONSTRAINTS, INDEXES
from sync.models.purchase.judged import JudgementOutdatedError, judged_since
from sync.models.run import SyncRun
from sync.models.states import JUDGEABLE, Status, check_move
from sync.rules.invoicing import invoice_number
from sync.rules.reasons import INVOICE, Reason, ReasonCode, Who

_ALWAYS = Q()


class LeaseLostError(Exception):
    """The lease has expired and another worker holds one, or none is held: this worker
    must stop."""


class PurchaseSync(models.Model):
    """One row per tenant and PEX transaction. Money has our sign: a refund is negative.

    Three independent sets of columns: what is known (`status`), who works on it
    (`claimed_by`, `claimed_until`), and when to go on (`not_before`).
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="purchases"
    )
    pex_transaction_id = models.BigIntegerField(_("PEX transaction"))
    run = models.ForeignKey(
        SyncRun,
        on_delete=models.PROTECT,
        related_name="purchases",
        help_text=_("The run that looked at it last."),
    )
    status = models.CharField(max_length=10, choices=Status)
    reasons = models.JSONField(default=list)
    needs_person = models.BooleanField(default=False)
    # Nothing more in this run; the next one takes it up again.
    is_deferred = models.BooleanField(default=False)

    claimed_by = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    attempt_count = models.PositiveIntegerField(default=0)
    lookup_count = models.PositiveIntegerField(default=0)
    resend_count = models.PositiveIntegerField(default=0)
    fault_count = models.PositiveIntegerField(default=0)
    # Look-ups in a row at which CMiC failed though it answered otherwise.
    failed_lookups = models.SmallIntegerField(default=0, db_default=0)

    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    is_refund = models.BooleanField(default=False)
    merchant = models.CharField(max_length=200, blank=True)
    cardholder = models.CharField(max_length=200, blank=True)
    pex_account_id = models.BigIntegerField(null=True)
    approval = models.CharField(max_length=200, blank=True)
    occurred_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    invoice_on = models.DateField(_("invoice date"), null=True)
    has_attachments = models.BooleanField(null=True)
    lines = models.JSONField(default=list)
    # What PEX said of it when it was last judged (`sync.rules.facts`).
    facts = models.JSONField(null=True)
    # When PEX was asked for that, and with which settings (`models.judging_basis`).
    judged_at = models.DateTimeField(null=True)
    judged_with = models.CharField(max_length=32, blank=True, default="", db_default="")

    generation = models.PositiveIntegerField(default=1)
    invoice_number = models.CharField(max_length=20, blank=True)
    company_code = models.CharField(max_length=8, blank=True)
    vendor_code = models.CharField(max_length=10, blank=True)
    payload_digest = models.CharField(max_length=64, blank=True)
    posting_at = models.DateTimeField(_("sending begun"), null=True)
    posted_at = models.DateTimeField(_("in CMiC since"), null=True)
    cmic_invoice_uuid = models.CharField(max_length=64, blank=True)
    cmic_image_id = models.CharField(max_length=64, blank=True)
    document_type = models.CharField(max_length=60, blank=True)
    document_size = models.PositiveIntegerField(null=True)
    document_digest = models.CharField(max_length=64, blank=True)
    # Of each page: the receipt that it comes from, and the page of it.
    document_pages = models.JSONField(default=list)
    warnings = models.JSONField(default=list)
    # It went with “No Attachment” although PEX had receipts: one may still come.
    lacks_receipt = models.BooleanField(default=False, db_default=False)

    marker_note_id = models.BigIntegerField(null=True)
    marker_written_at = models.DateTimeField(null=True)
    marker_seen_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    # Names what each of its reasons waits for (`sync.rules.reasons.cause_key`).
    causes = models.GeneratedField(
        expression=Func(F("reasons"), function="sync_cause_keys"),
        output_field=ArrayField(models.TextField()),
        db_persist=True,
    )

    objects = PurchaseSyncQuerySet.as_manager()

    class Meta:
        verbose_name = _("purchase")
        permissions = [
            ("decide_purchase", _("Can decide about a lost answer")),
            ("download_document", _("Can download the document of a purchase")),
        ]
        ordering = ["-occurred_at", "-pex_transaction_id"]
        constraints = CONSTRAINTS
        indexes = INDEXES

    def __str__(self) -> str:
        return self.invoice_number or f"PEX transaction {self.pex_transaction_id}"

    def has_lost_marker(self, *, is_marked: bool) -> bool:
        """Its marker was once in PEX and is gone: it is to be sent again (P5)."""
        was_seen = self.marker_seen_at is not None
        return self.status == Status.COMPLETED and was_seen and not is_marked

    @property
    def computed_number(self) -> str:
        """The number of its invoice, whether it has one in CMiC or would get one."""
        return invoice_number(self.pex_transaction_id, self.generation)

    def objection_to(self, found: FoundInvoice) -> Reason | None:
        """Why an invoice of its number in CMiC cannot be it; None where it is."""
        if found.amount == self.amount:
            return PurchaseSync.objects.stranger_reason(self, found.uuid)
        return Reason(
            ReasonCode.REFUSED_BY_CMIC,
            f"CMiC has an invoice {self.computed_number} already, over {found.amount}; "
            f"this purchase is {self.amount}. Compare the two in CMiC and correct one.",
            Who.CMIC_ADMIN,
            field=INVOICE,
        )

    @property
    def is_judgeable(self) -> bool:
        """Neither sent nor being sent nor refused: the next judgement may change it."""
        return self.status in JUDGEABLE

    def require_judged(self, basis: str, since: datetime) -> None:
        """Raises `JudgementOutdatedError` unless it `was_judged` so."""
        if not self.was_judged(basis, since):
            raise JudgementOutdatedError(f"{self} has to be judged anew.")

    def was_judged(self, basis: str, since: datetime) -> bool:
        """With the settings of this fingerprint, by what PEX said then or later."""
        is_recent = self.judged_at is not None and self.judged_at >= since
        return is_recent and self.judged_with == basis

    def begin_posting(
        self,
        *,
        number: str,
        company: str,
        vendor: str,
        digest: str,
        document: Mapping[str, Any],
        warnings: Sequence[str],
        run: SyncRun,
        basis: str,
    ) -> None:
        """PENDING → POSTING: the intent, committed before a byte leaves.

        Receipts may have taken long: the lease starts anew for the upload. The run must
        still have the caller's fencing token, and the settings be those of the `basis`.
        In a transaction. Raises `JudgementOutdatedError` and `RunLostError`.
        """
        run.hold()
        since = judged_since()
        self.require_judged(basis, since)
        if basis_of(self.tenant_id) != basis:
            raise JudgementOutdatedError(f"The settings of {self} are others by now.")
        self._move(
            Status.POSTING,
            only_if=Q(run=run, judged_at__gte=since, judged_with=basis),
            claimed_until=clock.now() + lease_time(),
            invoice_number=number,
            company_code=company,
            vendor_code=vendor,
            payload_digest=digest,
            posting_at=clock.now(),
            attempt_count=self.attempt_count + 1,
            lookup_count=0,
            failed_lookups=0,
            warnings=list(warnings),
            reasons=[],
            **document,
        )

    def mark_posted(
        self, *, invoice_uuid: str = "", image_id: str = "", **place: Any
    ) -> None:
        """POSTING → POSTED: accepted, or found in CMiC by its number.

        Sending or looking up may have taken long: the lease starts anew for the note.
        """
        self._move(
            Status.POSTED,
            claimed_until=clock.now() + lease_time(),
            posted_at=clock.now(),
            cmic_invoice_uuid=invoice_uuid,
            cmic_image_id=image_id,
            not_before=None,
            fault_count=0,
            failed_lookups=0,
            reasons=[],
            **place,
        )

    def mark_found(self, found: FoundInvoice, company: str, vendor: str) -> None:
        """PENDING or POSTING → POSTED: CMiC has its number, for this company and
        vendor; or FAILED, with another amount."""
        place: dict[str, Any] = {
            "invoice_number": self.computed_number,
            "company_code": company,
            "vendor_code": vendor,
        }
        if reason := self.objection_to(found):
            self.mark_refused(reason, **place)
        else:
            self.mark_posted(invoice_uuid=found.uuid, **place)

    def mark_completed(self, *, note_id: int | None, was_seen: bool) -> None:
        """POSTED → COMPLETED: the marker was written now, or seen in PEX.

        PEX's id of a note is as good as seeing it. Without one nobody knows whether
        there is a marker that somebody might remove.
        """
        now = clock.now()
        is_there = was_seen or note_id is not None
        self._move(
            Status.COMPLETED,
            completed_at=now,
            marker_note_id=note_id,
            marker_written_at=now,
            marker_seen_at=now if is_there else None,
            fault_count=0,
            reasons=[],
            **_FREE,
        )

    def keep_completed(self) -> None:
        """PENDING → COMPLETED: its marker only seemed to be gone."""
        now = clock.now()
        self._move(
            Status.COMPLETED,
            generation=self.generation - 1,
            completed_at=now,
            marker_seen_at=now,
            reasons=[],
            **_FREE,
        )

    def mark_refused(
        self, reason: Reason, *, failed_lookups: int = 0, **place: Any
    ) -> None:
        """PENDING or POSTING → FAILED: CMiC said no, or has something else under its
        number, or does not say whether it has it; a person decides."""
        known = {**place, "failed_lookups": failed_lookups}
        self._move(Status.FAILED, reasons=[reason.to_json()], **known, **_FREE)

    def take_back(self, not_before: datetime | None = None) -> None:
        """POSTING → PENDING: certainly not taken, so no attempt is counted."""
        self._move(
            Status.PENDING,
            attempt_count=self.attempt_count - 1,
            **{**_FREE, "not_before": not_before},
        )

    def send_again(self) -> None:
        """POSTING → PENDING: by the tenant's choice after a loss, or with less text."""
        self._move(
            Status.PENDING,
            resend_count=self.resend_count + 1,
            lookup_count=0,
            **_FREE,
        )

    def await_lookup(
        self,
        not_before: datetime,
        *,
        was_absent: bool = False,
        has_failed: bool = False,
    ) -> None:
        """The status stays: ask CMiC for the number later.

        `was_absent` counts a look-up that CMiC answered; an error is no answer.
        `has_failed` counts one at which it failed, though it answers otherwise.
        """
        self._move(
            Status(self.status),
            lookup_count=self.lookup_count + was_absent,
            failed_lookups=0 if was_absent else self.failed_lookups + has_failed,
            fault_count=self.fault_count + has_failed,
            **{**_FREE, "not_before": not_before},
        )

    def ask_person(self, reason: Reason, *, failed_lookups: int = 0) -> None:
        """POSTING or POSTED stays so, but nothing goes on by itself any more."""
        self._move(
            Status(self.status),
            reasons=[reason.to_json()],
            needs_person=True,
            fault_count=0,
            failed_lookups=failed_lookups,
            **_FREE,
        )

    def hold_back(
        self, to: Status, reasons: Sequence[Reason], warnings: Sequence[str] = ()
    ) -> None:
        """PENDING → SKIPPED or BLOCKED: what only showed when it was to be sent."""
        self._move(
            to,
            reasons=[reason.to_json() for reason in reasons],
            warnings=list(warnings),
            **_FREE,
        )

    def renew(self) -> None:
        """Extend the lease: the worker is alive."""
        self._move(Status(self.status), claimed_until=clock.now() + lease_time())

    def release(
        self, not_before: datetime | None = None, waits_for: Reason | None = None
    ) -> None:
        """Give up the lease until `not_before`; `waits_for` is the reason, if any."""
        changes = {**_FREE, "not_before": not_before}
        if waits_for is not None:
            changes["reasons"] = [waits_for.to_json()]
        self._move(Status(self.status), **changes)

    def release_after_fault(self, not_before: datetime) -> None:
        """As `release`, with one more fault on record."""
        self._move(
            Status(self.status),
            fault_count=self.fault_count + 1,
            **{**_FREE, "not_before": not_before},
        )

    def defer(self, reason: Reason) -> None:
        """Leave it to the next run, with the reason on record."""
        self._move(
            Status(self.status),
            reasons=[reason.to_json()],
            is_deferred=True,
            fault_count=0,
            **_FREE,
        )

    def _move(self, to: Status, *, only_if: Q = _ALWAYS, **changes: Any) -> None:
        """One guarded UPDATE. Raises `LeaseLostError` if this worker holds no lease.

        While it holds one, no other worker changes the row: what was read with the
        claim still holds, counters included.
        """
        check_move(self.status, to)
        if self.claimed_by is None:
            # As a condition it would mean a row that nobody holds, and match it.
            raise LeaseLostError(f"{self} was released.")
        changed = PurchaseSync.objects.filter(
            only_if, pk=self.pk, claimed_by=self.claimed_by, status=self.status
        ).update(status=to, updated_at=clock.now(), **changes)
        if changed != 1:
            raise LeaseLostError(f"{self} is in other hands, or its run has moved on.")
        self.status = to
        for name, value in changes.items():
            setattr(self, name, value)


_FREE: dict[str, Any] = {
    "claimed_by": None,
    "claimed_until": None,
    "not_before": None,
}
