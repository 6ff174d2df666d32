"""Reads a window from PEX and judges every purchase in it; writes no purchase.

Preparing a run and previewing one share this, so that a preview cannot promise what
a run would not do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from connector import clock
from connector.api.exceptions import (
    AccessDeniedError,
    ApiTimeoutError,
    NotFoundError,
    ServerError,
    UnexpectedResponseError,
)
from connector.api.pex.client import PexClient
from connector.api.pex.types import Purchase, Tag
from connector.codes.reading import (
    has_unread,
    kinds_to_code_with,
    refresh_stale,
    require_codes,
)
from connector.models import PexConnection
from sync.engine.judging.catalog import judge_all
from sync.engine.judging.context import TenantContext
from sync.engine.judging.markers import with_markers
from sync.engine.judging.rules import selection_rules
from sync.rules.reasons import Verdict
from sync.rules.selection import (
    Judgement,
    SelectionRules,
    asks_for_receipt,
    may_be_sent,
)
from sync.rules.window import Window, business_day

_CARDHOLDERS_GOOD_FOR = timedelta(hours=24)
_CARDHOLDERS_ASKED_EVERY = timedelta(minutes=10)
_TOKEN_CHECKED_EVERY = timedelta(hours=24)
_TOKEN_CHECKED_LATELY = timedelta(minutes=10)
# Faults of one question that may be over with the next.
PASSING = (ServerError, ApiTimeoutError, UnexpectedResponseError)


@dataclass(frozen=True)
class Survey:
    """A window's purchases with what becomes of each; `remarks` are for people.

    `is_whole` says that PEX's list has all that PEX knows of the window; an empty one
    does not say so much.
    """

    judgements: tuple[Judgement, ...]
    cardholders: dict[int, str]
    listed_at: datetime
    remarks: tuple[str, ...]
    is_whole: bool = False

    @property
    def listed(self) -> list[int]:
        """The transaction ids of PEX's list."""
        return [judgement.purchase.transaction_id for judgement in self.judgements]


def survey(context: TenantContext, window: Window) -> Survey:
    """Judge the window.

    What only matters for purchases that are to be sent is asked only when there are
    some: a window in which all is known costs PEX's list and nothing else. Whoever
    asks has called `require_ready`.

    Raises the errors of `connector.api.exceptions`.
    """
    tenant = context.tenant
    kinds = kinds_to_code_with(tenant)
    client = context.pex
    context.heartbeat()
    listed_at = clock.now()
    remarks: list[str] = []
    purchases, is_whole = _list(client, window, remarks)
    context.heartbeat()
    purchases = with_markers(context, purchases, listed_at, remarks)
    rules = selection_rules(tenant, tenant.pex.remembered_tags() or None)
    has_work = any(may_be_sent(purchase, rules) for purchase in purchases)
    if has_work:
        rules = selection_rules(tenant, _list_tags(context, remarks))
    purchases = _with_receipts(client, window, purchases, rules)
    context.heartbeat()
    if has_work:
        remarks += refresh_stale(tenant, context.cmic, kinds, context.heartbeat)
        context.heartbeat()
    seen = _judged(context, purchases, rules, listed_at, remarks)
    return replace(seen, is_whole=is_whole)


def survey_alone(
    context: TenantContext, account: int, day: date, wanted: Collection[int]
) -> Survey:
    """Judge these purchases of a cardholder's day only, read from its list.

    What PEX does not show has no judgement. Raises as `survey`.
    """
    listed_at = clock.now()
    remarks: list[str] = []
    listed = context.pex.list_purchases_of(account, day)
    purchases = [each for each in listed if each.transaction_id in wanted]
    rules = selection_rules(context.tenant, _list_tags(context, remarks))
    return _judged(context, purchases, rules, listed_at, remarks)


def _judged(
    context: TenantContext,
    purchases: list[Purchase],
    rules: SelectionRules,
    listed_at: datetime,
    remarks: list[str],
) -> Survey:
    tenant = context.tenant
    judgements = judge_all(tenant, purchases, rules)
    return Survey(
        judgements=tuple(judgements),
        cardholders=_cardholders(tenant.pex, context.pex, judgements),
        listed_at=listed_at,
        remarks=tuple(remarks),
    )


def require_ready(context: TenantContext) -> None:
    """PEX's list may be asked ten times an hour only: not before codes can be checked,
    and the token works. What PEX says of the token is kept at the connection.

    Raises as `survey`.
    """
    kinds = kinds_to_code_with(context.tenant)
    require_codes(context.tenant, kinds)
    _check_token_if_due(context)
    if has_unread(context.tenant, kinds):
        refresh_stale(context.tenant, context.cmic, kinds, context.heartbeat)


def _check_token_if_due(context: TenantContext) -> None:
    """Once a day, and before any run in the token's last month (F1)."""
    connection = context.tenant.pex
    checked_at = connection.checked_at
    age = timedelta.max if checked_at is None else clock.now() - checked_at
    is_old = connection.token_expires_at is None or age > _TOKEN_CHECKED_EVERY
    if is_old or (connection.is_in_last_month() and age > _TOKEN_CHECKED_LATELY):
        context.check_token()


def _list(
    client: PexClient, window: Window, remarks: list[str]
) -> tuple[list[Purchase], bool]:
    """The window's rows (P1), and whether they are all that PEX has."""
    if window.is_empty:
        remarks.append(f"The window {window} is empty: the end lies before the start.")
        return [], False
    listed = client.list_purchases(window.first, window.last)
    if listed.unidentified:
        remarks.append(
            "Rows of PEX's list without a readable transaction id were left out: "
            f"{listed.unidentified}."
        )
    if listed.is_cut:
        remarks.append(
            f"PEX's list for {window} may be incomplete: PEX counts more purchases "
            "than it returned, or returned as many as it ever does. Set a later start "
            "date for the tenant, then press Execute."
        )
    return list(listed.purchases), listed.is_whole and bool(listed.purchases)


def _with_receipts(
    client: PexClient,
    window: Window,
    purchases: list[Purchase],
    rules: SelectionRules,
) -> list[Purchase]:
    """The purchases with what the newer listing knows of their receipts (P1).

    Asked from the day of the first purchase for which it matters: it has pages of a
    thousand, and mostly the last days are new.
    """
    moments = [
        purchase.occurred_at
        for purchase in purchases
        if asks_for_receipt(purchase, rules)
    ]
    if not moments:
        return purchases
    first = window.first
    if None not in moments:
        days = (business_day(moment) for moment in moments if moment)
        first = max(first, min(days) - timedelta(days=1))
    try:
        receipted = client.find_receipted(first, window.last) or {}
    except PASSING:
        # Not worth another list: each purchase is asked for its receipts then.
        return purchases
    return [
        replace(each, has_attachments=receipted[each.transaction_id])
        if each.transaction_id in receipted
        else each
        for each in purchases
    ]


def _list_tags(context: TenantContext, remarks: list[str]) -> list[Tag] | None:
    """PEX's tag definitions, None where the business has none or may not ask."""
    tenant = context.tenant
    if not any(mapping.tag for mapping in tenant.mappings.all()):
        return None
    try:
        tags = context.tags = context.tags or context.pex.list_tags()
    except (AccessDeniedError, NotFoundError) as error:
        remarks.append(f"PEX does not show its tags: {error.message}")
        return tenant.pex.remembered_tags() or None
    tenant.pex.remember_tags(tags)
    return tags


def _cardholders(
    connection: PexConnection, client: PexClient, judgements: Iterable[Judgement]
) -> dict[int, str]:
    """Names by account: one call, and only when a name that is needed is missing."""
    names = {int(account): name for account, name in connection.cardholders.items()}
    read_at = connection.cardholders_read_at
    age = clock.now() - read_at if read_at else timedelta.max
    is_missing = any(
        judgement.status is Verdict.PENDING
        and judgement.purchase.account_id not in names
        for judgement in judgements
    )
    if age < _CARDHOLDERS_ASKED_EVERY or not (
        is_missing or (names and age > _CARDHOLDERS_GOOD_FOR)
    ):
        return names
    try:
        names = client.list_cardholders()
    except (AccessDeniedError, NotFoundError, *PASSING):
        return names
    connection.cardholders = {str(account): name for account, name in names.items()}
    connection.cardholders_read_at = clock.now()
    connection.save(update_fields=["cardholders", "cardholders_read_at"])
    return names
