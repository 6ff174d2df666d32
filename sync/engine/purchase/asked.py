"""What waits for a person, looked up in CMiC once more by each run.

CMiC may show by now what it did not show for hours, and a clerk may have corrected it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from django.db.models import Q

from connector.api.cmic.types import FoundInvoice
from connector.api.exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    ApiTimeoutError,
    AuthenticationError,
    ConnectorError,
    RateLimitError,
)
from sync.engine.judging.context import RunContext
from sync.models import PurchaseSync, Status
from sync.models.adoption import settle_asked
from sync.rules.reasons import INVOICE

logger = logging.getLogger(__name__)

_NOT_NOW = (ApiConnectionError, ApiTimeoutError, RateLimitError, AccessDeniedError)
# So many a run, whichever: a list that nobody works through must not hold runs up.
_MOST = 50
# More of these say that CMiC fails at all, and not at those numbers.
_MOST_FAILURES = 3
_LOST = Q(status=Status.POSTING, needs_person=True)
_DIFFERS = Q(status=Status.FAILED, reasons__contains=[{"field": INVOICE}])


def look_up_asked(context: RunContext) -> None:
    """What CMiC shows now goes on by itself, with its marker; the rest stays with the
    person, as it is.

    Of whatever days, and in the company and for the vendor that each was sent for. CMiC
    failing at it stops no run. Raises `AuthenticationError`, and what the heartbeat
    raises.
    """
    asked = PurchaseSync.objects.filter(_LOST | _DIFFERS, tenant=context.tenant)
    chosen = context.tenant.transactions
    places = defaultdict(list)
    for row in asked.order_by("?")[:_MOST]:
        company = row.company_code or chosen.company_code
        vendor = row.vendor_code or chosen.vendor_code
        places[company, vendor].append(row)
    for (company, vendor), rows in places.items():
        by_number = {row.computed_number: row for row in rows}
        for invoice in _find(context, company, vendor, list(by_number)):
            settle_asked(context.run, by_number[invoice.number], invoice)


def _find(
    context: RunContext, company: str, vendor: str, numbers: Sequence[str]
) -> Iterable[FoundInvoice]:
    """Those of the numbers that CMiC shows: one question for all, and each alone where
    that fails. The rest is left to the next run once CMiC is away, lets nobody look, or
    fails at some."""
    client = context.cmic
    try:
        return client.find_invoices(company, vendor, numbers).values()
    except AuthenticationError:
        raise
    except _NOT_NOW as error:
        logger.info("What waits for a person was not looked up: %s", error)
        return []
    except ConnectorError as error:
        logger.info("CMiC does not answer about all that wait at once: %s", error)
    return _find_each(context, company, vendor, numbers)


def _find_each(
    context: RunContext, company: str, vendor: str, numbers: Sequence[str]
) -> Iterator[FoundInvoice]:
    failures = 0
    for number in numbers:
        try:
            invoice = context.cmic.find_invoice(company, vendor, number)
        except AuthenticationError:
            raise
        except _NOT_NOW as error:
            logger.info("What waits for a person was not looked up: %s", error)
            return
        except ConnectorError as error:
            logger.info("%s was not looked up: %s", number, error)
            failures += 1
            if failures == _MOST_FAILURES:
                return
            continue
        if invoice is not None:
            yield invoice
