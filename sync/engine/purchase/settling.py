"""What an answer to an upload, or its absence, means for the purchase.

When an answer is lost nobody guesses: CMiC is asked for the number, patiently. Found
means done, an error means unknown, absent every time means that a person (or the
tenant's setting) decides (F21).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from django.conf import settings

from connector import clock
from connector.api.exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    ApiResponseError,
    AuthenticationError,
    ConflictError,
    ConnectorError,
    ContradictoryAnswerError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    UnprovenAnswerError,
)
from connector.models import TransactionSettings
from sync.engine.judging.access import require_access
from sync.engine.judging.context import RunContext
from sync.engine.purchase.lengths import goes_shorter
from sync.models import PurchaseSync, Status, SyncAttempt
from sync.rules.reasons import INVOICE, Reason, ReasonCode, Who

_NUMBER = re.compile(r"PEX-\w+(-\d+)?")
_LONGEST_VALUE = 200
_EXISTS = re.compile("already exist|duplicate", re.IGNORECASE)
_NOT_TAKEN = (
    ApiConnectionError,
    RateLimitError,
    AuthenticationError,
    AccessDeniedError,
)
_REFUSED = (InvalidRequestError, NotFoundError)
_NOBODYS_NUMBER = "PEX-0"
# Failed look-ups in a row before a person is asked. With the delays between them they
# span more than an hour, which outlasts most of what passes by itself.
_FAILURES_TO_ASK = 5


def put_on_record(attempt: SyncAttempt, error: ConnectorError) -> None:
    """Before anything follows from it, and whoever holds the purchase by now."""
    if isinstance(error, ContradictoryAnswerError):
        # Unless a look-up finds it all the same.
        outcome = SyncAttempt.Outcome.REFUSED
    elif error.may_have_succeeded:
        outcome = SyncAttempt.Outcome.LOST
    elif isinstance(error, _NOT_TAKEN):
        outcome = SyncAttempt.Outcome.NOT_SENT
    else:
        outcome = SyncAttempt.Outcome.REFUSED
    status = getattr(error, "status", None)
    attempt.end(outcome, clock.now(), status=status, answer=error.message)


def apply_error(context: RunContext, row: PurchaseSync, error: ConnectorError) -> None:
    """An upload that was not accepted.

    Raises the error again where it says more of CMiC than of this purchase.
    """
    if isinstance(error, (ContradictoryAnswerError, UnprovenAnswerError)):
        _apply_doubtful_yes(context, row, error)
        return
    if error.may_have_succeeded:
        row.await_lookup(_after_delay(0))
        raise error
    if isinstance(error, AccessDeniedError):
        _apply_denial(context, row, error)
    elif isinstance(error, _NOT_TAKEN):
        row.take_back()
        raise error
    elif isinstance(error, ConflictError) or _EXISTS.search(error.message):
        _apply_existing(context, row, error)
    else:
        _refuse(row, _refusal(error))


def was_sent_before(context: RunContext, row: PurchaseSync) -> bool:
    """Whether CMiC has it from an earlier try, whatever became of that one; it is then
    posted, or failed with another amount.

    Asked before anything is sent for a second time, and before the first where the run
    could not ask for all numbers at once. Where CMiC lets nobody look, or a person was
    told that it fails at this number, that person has decided; where it refuses to be
    asked for any number, its lists by date must do for a first time. Raises the
    client's other errors: unknown is not absent.
    """
    is_again = bool(row.attempt_count or row.resend_count)
    if not is_again and not context.run.looks_up_each:
        return False
    try:
        return _is_found(context, row)
    except AccessDeniedError as error:
        require_access(context, error)
        return False
    except _NOT_TAKEN:
        raise
    except ConnectorError as error:
        if not is_again and isinstance(error, _REFUSED) and _refuses_numbers(context):
            return False
        if row.failed_lookups < _FAILURES_TO_ASK:
            raise
        context.cmic.require_answer()
        return False


def _refuses_numbers(context: RunContext) -> bool:
    """Whether CMiC refuses also what has nothing to do with the purchase at hand."""
    chosen = context.tenant.transactions
    try:
        context.cmic.find_invoice(
            chosen.company_code, chosen.vendor_code, _NOBODYS_NUMBER
        )
    except _REFUSED:
        return True
    return False


def look_up(context: RunContext, row: PurchaseSync) -> None:
    """Ask CMiC for the number of a purchase whose answer is not on record.

    An answer that is on record already is believed: the worker died, or lost the
    purchase, between the two. Raises the client's error when CMiC does not say: unknown
    is not absent.
    """
    answers = row.attempts.filter(invoice_number=row.invoice_number)
    if answers.filter(outcome=SyncAttempt.Outcome.ACCEPTED).exists():
        row.mark_posted()
        return
    last = answers.last()
    if last is not None and last.outcome == SyncAttempt.Outcome.NOT_SENT:
        # The worker died before it could take the purchase back. What an earlier try
        # may have left in CMiC is looked for before it is sent.
        row.take_back()
        return
    try:
        if _is_found(context, row):
            return
    except AccessDeniedError as error:
        require_access(context, error)
        why = f"CMiC does not let the connector look for it: {error.message}"
        _stop_looking(row, last, why)
        return
    if last is not None and last.outcome == SyncAttempt.Outcome.REFUSED:
        _refuse(row, _refused(last.answer))
        return
    answered = row.lookup_count + 1
    if answered < len(settings.LOST_ANSWER_DELAYS):
        row.await_lookup(_after_delay(answered), was_absent=True)
    elif _may_send_again(context, row):
        row.send_again()
    else:
        row.ask_person(
            _lost(f"CMiC said {answered} times that it has no {row.invoice_number}.")
        )


def look_up_failed(row: PurchaseSync, error: ConnectorError) -> None:
    """CMiC answers otherwise, but failed when it was asked for this number: it is asked
    again after a while, and after some failures a person is."""
    failed = row.failed_lookups + 1
    if failed < _FAILURES_TO_ASK:
        row.await_lookup(_after_delay(failed - 1), has_failed=True)
        return
    why = (
        f"CMiC failed {failed} times in a row when it was asked for "
        f"{row.computed_number}: {error.message.rstrip('.')}."
    )
    if row.status == Status.PENDING:
        row.mark_refused(_unknown(why), failed_lookups=failed)
        return
    answers = row.attempts.filter(invoice_number=row.invoice_number)
    _stop_looking(row, answers.last(), why, failed)


def _stop_looking(
    row: PurchaseSync, last: SyncAttempt | None, why: str, failed: int = 0
) -> None:
    """To a person: as refused where CMiC answered the last attempt so."""
    if last is not None and last.outcome == SyncAttempt.Outcome.REFUSED:
        row.mark_refused(_refused(last.answer), failed_lookups=failed)
    else:
        row.ask_person(_lost(why), failed_lookups=failed)


def _refuse(row: PurchaseSync, reason: Reason) -> None:
    """CMiC said no; it goes once more where that was for the length of a text."""
    if goes_shorter(row):
        row.send_again()
    else:
        row.mark_refused(reason)


def _apply_denial(
    context: RunContext, row: PurchaseSync, error: AccessDeniedError
) -> None:
    """403 on every module is a matter of credentials, else of this purchase."""
    try:
        require_access(context, error)
    except ConnectorError:
        row.take_back()
        raise
    row.mark_refused(_refusal(error))


def _apply_existing(
    context: RunContext, row: PurchaseSync, error: ConnectorError
) -> None:
    """“Invoice exists”: it may be ours, from a try whose answer was lost."""
    if not _is_found(context, row):
        row.mark_refused(_refusal(error))


def _apply_doubtful_yes(
    context: RunContext,
    row: PurchaseSync,
    error: ContradictoryAnswerError | UnprovenAnswerError,
) -> None:
    """A 2xx that is no yes. CMiC is asked at once: what it does not have after an error
    was refused, and after anything else is looked up again later."""
    try:
        if _is_found(context, row):
            return
    except ConnectorError:
        row.await_lookup(_after_delay(0))
        raise
    if isinstance(error, ContradictoryAnswerError):
        row.mark_refused(_refused(error.detail))
    else:
        row.await_lookup(_after_delay(0))
        raise error


def _is_found(context: RunContext, row: PurchaseSync) -> bool:
    """Whether CMiC has its number, for the company and vendor that it was sent for or
    would be; it is then posted, or failed with another amount."""
    chosen = context.tenant.transactions
    company = row.company_code or chosen.company_code
    vendor = row.vendor_code or chosen.vendor_code
    found = context.cmic.find_invoice(company, vendor, row.computed_number)
    if found is None:
        return False
    row.mark_found(found, company, vendor)
    return True


def _may_send_again(context: RunContext, row: PurchaseSync) -> bool:
    """Where the tenant has it so, once, and absence means something: a CMiC that hides
    our invoices while Imaging works on them shows none."""
    chosen = context.tenant.transactions.after_lost_answer
    if chosen != TransactionSettings.AfterLostAnswer.SEND_AGAIN or row.resend_count:
        return False
    posted = PurchaseSync.objects.filter(
        tenant=row.tenant_id,
        posted_at__isnull=False,
        company_code=row.company_code,
        vendor_code=row.vendor_code,
    )
    newest = posted.order_by("-posted_at").first()
    if newest is None:
        return False
    place = newest.company_code, newest.vendor_code
    return context.cmic.find_invoice(*place, newest.computed_number) is not None


def _after_delay(index: int) -> datetime:
    delays = settings.LOST_ANSWER_DELAYS
    seconds = delays[min(index, len(delays) - 1)]
    return clock.now() + timedelta(seconds=seconds)


def _refusal(error: ConnectorError) -> Reason:
    sentence = error.detail if isinstance(error, ApiResponseError) else ""
    return _refused(sentence or error.message)


def _refused(sentence: str) -> Reason:
    return Reason(
        ReasonCode.REFUSED_BY_CMIC,
        f"CMiC refused the invoice: {sentence}",
        Who.CMIC_ADMIN,
        # Refusals that differ in nothing but the invoice have one cause.
        value=_NUMBER.sub("…", sentence)[:_LONGEST_VALUE],
    )


def _unknown(detail: str) -> Reason:
    return Reason(
        ReasonCode.REFUSED_BY_CMIC,
        f"It was sent before, and whether CMiC has it cannot be found out. {detail} "
        "Look in Image Manager: mark it as synced if it is there, or retry.",
        Who.SUPPORT,
        field=INVOICE,
    )


def _lost(detail: str) -> Reason:
    return Reason(
        ReasonCode.LOST_ANSWER,
        f"The invoice was sent and CMiC never answered. {detail} Look in Image Manager "
        "and decide: it is there, or send it again.",
        Who.SUPPORT,
    )
