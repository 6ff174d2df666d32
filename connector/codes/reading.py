"""Reads CMiC's reference data into `CmicCode`, list by list, one process a tenant.

Which lists there are, how old they may be and what happens when one is refused. A list
is either read to its end and put in whole, or the old one stays
(`connector.codes.staging`); `RefreshState` has the lease and the progress.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError

from connector import clock
from connector.api.cmic.client import CmicClient
from connector.api.cmic.paging import read_at_rest
from connector.api.cmic.types import CodeKind
from connector.api.exceptions import (
    AccessDeniedError,
    ApiTimeoutError,
    ConnectorError,
    InvalidRequestError,
    NotFoundError,
    RefreshActiveError,
    ServerError,
    SettingsIncompleteError,
    UnexpectedResponseError,
)
from connector.codes.staging import StagedCodes
from connector.connections.clients import cmic_client
from connector.models import CmicCode, CodeRefresh, RefreshState, Tenant
from connector.models.invoice_fields import KINDS_BY_TYPE, SHARED_KINDS

logger = logging.getLogger(__name__)

GOOD_FOR = timedelta(hours=24)
# What may be wrong with one list while CMiC answers everything else.
_OF_ONE_LIST = (
    ServerError,
    ApiTimeoutError,
    InvalidRequestError,
    UnexpectedResponseError,
)

# Read along with transaction codes: CMiC has no list of components.
_READ_ALONG = {CodeKind.TRANSACTION_CODE: (CodeKind.COMPONENT,)}
_LISTED = [kind for kind in CodeKind if kind is not CodeKind.COMPONENT]

SETUP_KINDS = (
    CodeKind.COMPANY,
    CodeKind.VENDOR,
    CodeKind.REGISTRY_GROUP,
    CodeKind.SOURCE,
    CodeKind.DOCUMENT_TYPE,
)


def kinds_to_code_with(tenant: Tenant) -> tuple[CodeKind, ...]:
    """The kinds that a sync checks purchases against."""
    chosen = tenant.line_type
    return (CodeKind.COMPANY, *KINDS_BY_TYPE[chosen]) if chosen else ()


def refresh_all(tenant: Tenant, client: CmicClient) -> dict[str, int]:
    """Read everything that setting up and syncing need; counts by kind.

    Kinds that the user may not see are left out, unless it is all of them; then, and
    for every other fault, raises the client's error. Raises `RefreshActiveError` while
    another process is at it, `SettingsIncompleteError` without transaction settings.
    """
    with _claimed(tenant, is_whole=True) as state:
        return _Reader(tenant, client, state).read_all()


def refresh_requested(tenant_id: int) -> None:
    """Read everything if that was asked for and nobody is at it.

    What goes wrong in CMiC is put on record in `RefreshState` and not raised.
    """
    parts = Tenant.objects.select_related("cmic", "transactions")
    tenant = parts.filter(pk=tenant_id).first()
    if tenant is None:
        return
    try:
        with _claimed(tenant, is_whole=True, only_requested=True) as state:
            _Reader(tenant, cmic_client(tenant), state).read_all()
    except RefreshActiveError:
        logger.info("The codes of %s are read already", tenant)
    except ConnectorError as error:
        logger.warning("The codes of %s could not be read: %s", tenant, error)


def refresh_stale(
    tenant: Tenant,
    client: CmicClient,
    kinds: Collection[CodeKind],
    heartbeat: Callable[[], None] = lambda: None,
) -> list[str]:
    """Read those kinds that are older than a day, or were never read.

    `heartbeat` is called after each page. Returns sentences for people: which kinds the
    user may not see, and that are therefore not checked; or that older ones serve,
    because another process reads them or CMiC does not give them. Where there are none
    of the last `CODES_GOOD_FOR` days, raises `RefreshActiveError` or the client's
    error; and always if CMiC is not reached, refuses the credentials or is asked too
    often.
    """
    if not _stale(tenant, kinds):
        return []
    return _refresh(
        tenant,
        client,
        kinds,
        lambda: _stale(tenant, kinds),
        heartbeat,
        may_serve_older=True,
    )


def refresh_now(
    tenant: Tenant,
    client: CmicClient,
    kinds: Collection[CodeKind],
    heartbeat: Callable[[], None] = lambda: None,
) -> list[str]:
    """Read these kinds, however old; returns and raises as `refresh_stale`, but for a
    list that fails no older codes serve. Where a job (or piece of equipment) changed,
    what hangs on it is read along."""
    wanted = _lists_of(kinds)
    started = clock.now()

    def due() -> Iterator[CodeKind]:
        yield from wanted
        yield from _hanging_on(tenant, wanted, started)

    return _refresh(tenant, client, wanted, due, heartbeat)


def _refresh(
    tenant: Tenant,
    client: CmicClient,
    kinds: Collection[CodeKind],
    due: Callable[[], Iterable[CodeKind]],
    heartbeat: Callable[[], None],
    *,
    may_serve_older: bool = False,
) -> list[str]:
    """Read those of the kinds that are `due` once nobody else is at it."""
    try:
        with _claimed(tenant) as state:
            reader = _Reader(tenant, client, state, heartbeat)
            for kind in due():
                reader.read_or_note(kind, may_serve_older=may_serve_older)
            return reader.remarks
    except RefreshActiveError as error:
        if set(_stale(tenant, kinds)) - _still_good(tenant):
            raise
        return [f"{error.message} The ones read before were used."]


def _hanging_on(
    tenant: Tenant, read: Collection[CodeKind], since: datetime
) -> list[CodeKind]:
    """The other kinds of the line's type, if its first has changed since."""
    first, *rest = kinds_to_code_with(tenant)[1:] or (CodeKind.JOB,)
    changed = CmicCode.objects.filter(tenant=tenant, kind=first, seen_at__gte=since)
    if CodeKind.ACCOUNT in rest or first not in read or not changed.exists():
        return []
    return [kind for kind in _lists_of(rest) if kind not in read]


def _lists_of(kinds: Iterable[CodeKind]) -> list[CodeKind]:
    """The lists that tell of them, each once."""
    along = {part: kind for kind, parts in _READ_ALONG.items() for part in parts}
    return list(dict.fromkeys(along.get(kind, kind) for kind in kinds))


def has_unread(tenant: Tenant, kinds: Collection[CodeKind]) -> bool:
    """Whether one of these kinds was never read."""
    return bool({kind for kind in kinds if kind in _LISTED} - _read_since(tenant, None))


def require_codes(tenant: Tenant, kinds: Collection[CodeKind]) -> None:
    """Raises `RefreshActiveError` while another process reads, and one of these kinds
    was never read: before that, nothing can be checked."""
    state = RefreshState.objects.filter(tenant=tenant).first()
    if state is None or not state.is_active(clock.now()):
        return
    if has_unread(tenant, kinds):
        raise RefreshActiveError(tenant.name)


@contextmanager
def _claimed(
    tenant: Tenant, *, is_whole: bool = False, only_requested: bool = False
) -> Iterator[RefreshState]:
    """Have the tenant's codes to oneself; how it ends is put on record."""
    state = RefreshState.objects.claim(
        tenant,
        clock.now(),
        is_whole=is_whole,
        only_requested=only_requested,
    )
    message = "The connector itself failed or was stopped; its log says where."
    is_ok = False
    try:
        yield state
        is_ok, message = True, state.message
    except ConnectorError as error:
        message = error.message
        raise
    finally:
        # What was read is in the cache, whoever has taken over; a database that is
        # away frees the lease by its time.
        with suppress(RefreshActiveError, DatabaseError):
            state.end(clock.now(), is_ok=is_ok, message=message)


class _Reader:
    """Reads lists with one client under one claim.

    `remarks` has a sentence for each list that the user may not see, or for which older
    codes serve.
    """

    def __init__(
        self,
        tenant: Tenant,
        client: CmicClient,
        state: RefreshState,
        heartbeat: Callable[[], None] = lambda: None,
    ) -> None:
        self._tenant = tenant
        self._client = client
        self._state = state
        self._heartbeat = heartbeat
        self._company = _company(tenant)
        self.remarks: list[str] = []

    def read_all(self) -> dict[str, int]:
        """Counts by kind; raises the refusal if every list is refused."""
        counts: dict[str, int] = {}
        refusal: ConnectorError | None = None
        for kind in _LISTED:
            try:
                counts |= self.read(kind)
            except (AccessDeniedError, NotFoundError) as error:
                refusal = error
                self._note(kind, error)
        if refusal is not None and not counts:
            raise refusal
        self._state.company = self._company
        return counts

    def read_or_note(self, kind: CodeKind, *, may_serve_older: bool) -> None:
        try:
            self.read(kind)
        except (AccessDeniedError, NotFoundError) as error:
            self._note(kind, error)
        except _OF_ONE_LIST as error:
            if not may_serve_older or kind not in _still_good(self._tenant):
                raise
            self._remark(
                f"CMiC did not give its {kind.label} list, so the codes read before "
                f"were used: {error.message}"
            )

    def read(self, kind: CodeKind) -> dict[str, int]:
        """Read one list (and what is read along) whole; counts by kind.

        Raises the client's error, and `RefreshActiveError` if the lease was lost; the
        cache is then as it was.
        """
        started = clock.now()
        scope = "" if kind in SHARED_KINDS else self._company
        rows = 0
        with StagedCodes() as staged:

            def stage() -> int:
                staged.start_again()
                count = 0
                self._report(kind, count)
                for page in self._client.iter_code_pages(kind, scope):
                    staged.add(page)
                    count += len(page)
                    self._report(kind, count)
                return count

            rows = read_at_rest(stage)
            merged = staged.merge(
                self._tenant.pk,
                (kind, *_READ_ALONG.get(kind, ())),
                scope,
                started,
                lambda: self._report(kind, rows),
            )
        for name, change in merged.items():
            self._remark(change.remark(CodeKind(name).label))
        return {name: change.count for name, change in merged.items()}

    def _report(self, kind: CodeKind, rows: int) -> None:
        self._state.report(kind, rows, clock.now())
        self._heartbeat()

    def _note(self, kind: CodeKind, error: ConnectorError) -> None:
        self._remark(f"CMiC does not show its {kind.label} list: {error.message}")

    def _remark(self, sentence: str) -> None:
        if sentence:
            self.remarks.append(sentence)
            self._state.message = " ".join(self.remarks)


def _company(tenant: Tenant) -> str:
    if tenant.transactions_or_none is None:
        raise SettingsIncompleteError("The transaction settings are missing.")
    return tenant.company_code


def _still_good(tenant: Tenant) -> set[CodeKind]:
    """The kinds whose older codes may serve while there are no newer ones."""
    oldest = clock.now() - timedelta(days=settings.CODES_GOOD_FOR)
    return _read_since(tenant, oldest)


def _stale(tenant: Tenant, kinds: Collection[CodeKind]) -> list[CodeKind]:
    fresh = _read_since(tenant, clock.now() - GOOD_FOR)
    return [kind for kind in kinds if kind in _LISTED and kind not in fresh]


def _read_since(tenant: Tenant, moment: datetime | None) -> set[CodeKind]:
    """The kinds that were read for the tenant's company; None means ever."""
    read = CodeRefresh.objects.filter(tenant=tenant, company__in=("", _company(tenant)))
    if moment is not None:
        read = read.filter(refreshed_at__gt=moment)
    return {CodeKind(kind) for kind in read.values_list("kind", flat=True)}
