"""The Transaction Settings card (F5): what is synced, where to, and how it looks."""

from __future__ import annotations

from datetime import date

from dateutil.relativedelta import relativedelta
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from connector import clock
from connector.api.cmic.types import CodeKind
from connector.api.code_texts import oddly
from connector.api.pex.reading import EASTERN
from connector.models.codes import CmicCode
from connector.models.invoice_fields import SHARED_KINDS
from connector.models.recorded import record_history
from connector.models.tenant import Tenant

MAX_FILE_BYTES = 10 * 1024 * 1024
# The settings that are codes, and the list that each is chosen from.
SETTING_KINDS = {
    "company_code": CodeKind.COMPANY,
    "vendor_code": CodeKind.VENDOR,
    "source_uuid": CodeKind.SOURCE,
    "document_type_uuid": CodeKind.DOCUMENT_TYPE,
}


class TransactionSettings(models.Model):
    """Days are US Eastern business days; empty dates follow the rules of F15."""

    class InvoiceDate(models.TextChoices):
        TRANSACTION = "transaction", _("the day of the transaction")
        SETTLEMENT = "settlement", _("the day it settled")

    class Refunds(models.TextChoices):
        HOLD = "hold", _("hold for a person")
        SEND = "send", _("send as a negative invoice")
        LEAVE_OUT = "leave_out", _("leave out")

    class AfterLostAnswer(models.TextChoices):
        ASK = "ask", _("ask a person")
        SEND_AGAIN = "send_again", _("send once more under the same number")

    class UnusableReceipts(models.TextChoices):
        SEND = "send", _("send the purchase with “No Attachment”, and tell")
        HOLD = "hold", _("hold the purchase until there is a usable one")

    tenant = models.OneToOneField(
        Tenant, on_delete=models.CASCADE, related_name="transactions"
    )
    start_date = models.DateField(
        null=True, blank=True, help_text=_("Empty: two months back.")
    )
    end_date = models.DateField(
        null=True, blank=True, help_text=_("Empty: the moment of the sync.")
    )
    company_code = models.CharField(_("CMiC company"), max_length=8, blank=True)
    source_uuid = models.CharField(
        _("AP Invoice Location: source"), max_length=64, blank=True
    )
    document_type_uuid = models.CharField(
        _("AP Invoice Location: document type"), max_length=64, blank=True
    )
    vendor_code = models.CharField(_("vendor for purchases"), max_length=10, blank=True)
    approved_only = models.BooleanField(
        default=False, help_text=_("Only purchases that are approved in PEX.")
    )
    attachments_only = models.BooleanField(
        _("only with attachments"),
        default=False,
        help_text=_("If off, a “No Attachment” document goes with the others."),
    )
    unusable_receipts = models.CharField(
        _("receipts that cannot be used"),
        max_length=10,
        choices=UnusableReceipts,
        default=UnusableReceipts.SEND,
        db_default=UnusableReceipts.SEND,
        help_text=_("When PEX has receipts of a purchase and none of them opens."),
    )
    invoice_date = models.CharField(
        max_length=12, choices=InvoiceDate, default=InvoiceDate.TRANSACTION
    )
    refunds = models.CharField(
        _("refunds and credits"), max_length=10, choices=Refunds, default=Refunds.HOLD
    )
    after_lost_answer = models.CharField(
        max_length=10,
        choices=AfterLostAnswer,
        default=AfterLostAnswer.ASK,
        help_text=_("When CMiC never answered and says it has no such invoice."),
    )
    max_file_bytes = models.PositiveIntegerField(
        _("largest document, bytes"),
        default=MAX_FILE_BYTES,
        validators=[MinValueValidator(10_000)],
    )

    history = record_history()

    class Meta:
        verbose_name = _("transaction settings")
        verbose_name_plural = _("transaction settings")
        constraints = [
            models.CheckConstraint(
                condition=Q(start_date=None)
                | Q(end_date=None)
                | Q(start_date__lte=F("end_date")),
                name="settings_start_before_end",
            )
        ]

    def __str__(self) -> str:
        return f"Transaction settings of {self.tenant}"

    def clean(self) -> None:
        super().clean()
        errors = {**self._date_errors(), **self._code_errors()}
        if errors:
            raise ValidationError(errors)

    def missing_settings(self) -> list[str]:
        return list(dict.fromkeys(self.missing_fields().values()))

    def missing_fields(self) -> dict[str, str]:
        """A sentence for each field that must still be chosen."""
        needed = {
            "company_code": "CMiC company",
            "source_uuid": "AP Invoice Location",
            "document_type_uuid": "AP Invoice Location",
            "vendor_code": "vendor for purchases",
        }
        return {
            field: f"The {name} is not chosen."
            for field, name in needed.items()
            if not getattr(self, field)
        }

    def _date_errors(self) -> dict[str, str]:
        today = clock.now().astimezone(EASTERN).date()
        earliest = today - relativedelta(years=1)
        if self.start_date and self.start_date <= earliest:
            return {
                "start_date": f"The start date must be less than one year back, "
                f"that is after {_written(earliest)}."
            }
        if self.start_date and self.start_date > today and not self.end_date:
            return {"start_date": "The start date lies in the future."}
        if self.start_date and self.end_date and self.start_date > self.end_date:
            return {"end_date": "The end date lies before the start date."}
        return {}

    def _code_errors(self) -> dict[str, str]:
        """Only what CMiC is known not to have; before codes are read, anything goes."""
        if self.tenant_id is None:
            return {}
        errors: dict[str, str] = {}
        for field, kind in SETTING_KINDS.items():
            code = getattr(self, field)
            scope = "" if kind in SHARED_KINDS else self.company_code
            state = CmicCode.objects.state_of(self.tenant_id, kind, code, company=scope)
            if code and state == CmicCode.State.UNKNOWN:
                errors[field] = f"CMiC has no {kind.label} “{code}”{oddly(code)}."
            elif code and state == CmicCode.State.INACTIVE:
                errors[field] = f"The {kind.label} “{code}” is not active in CMiC."
        return errors


def _written(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"
