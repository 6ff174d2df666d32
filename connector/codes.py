"""Reads CMiC's reference data into `CmicCode`, a page at a time, kind by kind.

A refresh that fails half-way leaves the old values usable: new ones are added as they
come, and only a list read to its end marks what has vanished as inactive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.utils import timezone

from connector.cmic.client import CmicClient
from connector.cmic.types import Code, CodeKind, LineType
from connector.exceptions import AccessDeniedError, ConnectorError, NotFoundError
from connector.models import CmicCode, CodeRefresh, Field, Tenant
from connector.models.mapping import KINDS_BY_TYPE

BATCH = 1000
_LONGEST_CODE, _COMPANY = 64, 8
GOOD_FOR = timedelta(hours=24)

# Kinds that CMiC does not keep per company.
_SHARED = (CodeKind.COMPANY, CodeKind.ACCOUNT, CodeKind.SOURCE, CodeKind.DOCUMENT_TYPE)
# Read along with transaction codes: CMiC has no list of components.
_READ_ALONG = {CodeKind.TRANSACTION_CODE: (CodeKind.COMPONENT,)}

SETUP_KINDS = (
    CodeKind.COMPANY,
    CodeKind.VENDOR,
    CodeKind.REGISTRY_GROUP,
    CodeKind.SOURCE,
    CodeKind.DOCUMENT_TYPE,
)


def line_type(tenant: Tenant) -> LineType | None:
    """The Type Code of the tenant's mapping, None while it has none."""
    rows = tenant.mappings.filter(field=Field.TYPE_CODE)
    value = rows.values_list("static_value", flat=True).first()
    return LineType(value) if value in list(LineType) else None


def kinds_to_code_with(tenant: Tenant) -> tuple[CodeKind, ...]:
    """The kinds that a sync checks purchases against."""
    chosen = line_type(tenant)
    return (CodeKind.COMPANY, *KINDS_BY_TYPE[chosen]) if chosen else ()


def refresh_all(tenant: Tenant, client: CmicClient) -> dict[str, int]:
    """Read everything that setting up and syncing need; counts by kind.

    Kinds that the user may not see are left out, unless it is all of them; then, and
    for every other fault, raises the client's error.
    """
    company = tenant.transactions.company_code
    counts: dict[str, int] = {}
    refused: ConnectorError | None = None
    for kind in CodeKind:
        if any(kind in along for along in _READ_ALONG.values()):
            continue
        try:
            counts.update(refresh_kind(tenant, client, kind, company))
        except (AccessDeniedError, NotFoundError) as error:
            refused = error
    if refused is not None and not counts:
        raise refused
    return counts


def refresh_stale(
    tenant: Tenant, client: CmicClient, kinds: Iterable[CodeKind]
) -> list[str]:
    """Read those kinds that are older than a day, or were never read.

    Returns a sentence for each kind that the user may not see, and that is therefore
    not checked. Raises the client's error for every other fault.
    """
    company = tenant.transactions.company_code
    fresh = set(
        CodeRefresh.objects.filter(
            tenant=tenant,
            company__in=("", company),
            refreshed_at__gt=timezone.now() - GOOD_FOR,
        ).values_list("kind", flat=True)
    )
    unseen: list[str] = []
    for kind in kinds:
        if kind in fresh or any(kind in along for along in _READ_ALONG.values()):
            continue
        try:
            refresh_kind(tenant, client, kind, company)
        except (AccessDeniedError, NotFoundError) as error:
            title = kind.value.replace("_", " ")
            unseen.append(f"CMiC does not show its {title} list: {error.message}")
    return unseen


def refresh_kind(
    tenant: Tenant, client: CmicClient, kind: CodeKind, company: str
) -> dict[str, int]:
    """Read one kind (and what is read along) whole; counts by kind."""
    started = timezone.now()
    scope = "" if kind in _SHARED else company
    kinds = (kind, *_READ_ALONG.get(kind, ()))
    for batch in _batches(client.iter_codes(kind, scope)):
        _store(tenant, batch, started)
    counts: dict[str, int] = {}
    with transaction.atomic():
        for each in kinds:
            known = CmicCode.objects.filter(tenant=tenant, kind=each)
            if scope:
                known = known.filter(company=scope)
            known.filter(seen_at__lt=started, is_active=True).update(is_active=False)
            counts[str(each)] = known.filter(seen_at__gte=started).count()
            CodeRefresh.objects.update_or_create(
                tenant=tenant,
                kind=each,
                company=scope,
                defaults={"refreshed_at": started, "count": counts[str(each)]},
            )
    return counts


def company_currency(tenant: Tenant) -> str:
    """The currency code of the tenant's company, empty if CMiC did not say."""
    return (
        CmicCode.objects.filter(
            tenant=tenant,
            kind=CodeKind.COMPANY,
            code=tenant.transactions.company_code,
        )
        .values_list("currency", flat=True)
        .first()
        or ""
    )


def _batches(codes: Iterator[Code]) -> Iterator[list[Code]]:
    while batch := list(islice(codes, BATCH)):
        yield batch


def _store(tenant: Tenant, codes: Iterable[Code], seen_at: datetime) -> None:
    """Upsert; of two rows that CMiC lists for one place, an active one wins."""
    rows: dict[tuple[str, ...], CmicCode] = {}
    for code in codes:
        places = (code.company, code.grandparent, code.parent, code.code)
        if max(map(len, places)) > _LONGEST_CODE or len(code.company) > _COMPANY:
            # Longer than any code of CMiC's: nothing could be booked on it.
            continue
        key = (code.kind, *places)
        if key not in rows or code.is_active:
            rows[key] = CmicCode(
                tenant=tenant,
                kind=code.kind,
                company=code.company,
                grandparent=code.grandparent,
                parent=code.parent,
                code=code.code,
                name=code.name[:200],
                currency=code.currency[:30],
                is_active=code.is_active,
                seen_at=seen_at,
            )
    CmicCode.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["tenant", "kind", "company", "grandparent", "parent", "code"],
        update_fields=["name", "currency", "is_active", "seen_at"],
    )
