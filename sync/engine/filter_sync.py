"""The filters between a tenant's tags made, kept or taken away (F9), and recorded.

What is to be done is `sync.engine.tag_filters`; who holds the tenant's lock calls this
after the options that filters are made of.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.utils import timezone

from connector.exceptions import ConnectorError
from connector.models import Tenant
from connector.pex.client import PexClient
from sync.engine.tag_faults import fail
from sync.engine.tag_filters import Pair, left_over, pairs_of, plan_filters, take_away
from sync.models import SyncRun, TagSync


def sync_filters(
    tenant: Tenant, client: PexClient, run: SyncRun | None, user: User | None
) -> list[TagSync]:
    """What became of each; raises as `sync_tags` does."""
    pairs = pairs_of(tenant)
    if not pairs:
        return [_take_away(client, row, run, user) for row in left_over(tenant)]
    rows = [_begin_filter(pairs[0], run, user)]
    try:
        plans = plan_filters(tenant, client)
        rows += [_begin_filter(each.pair, run, user) for each in plans[1:]]
        for row, plan in zip(rows, plans, strict=True):
            if plan.write is not None:
                plan.write()
            row.tag_id = plan.child_id
            state = TagSync.State.FAILED if plan.is_trouble else TagSync.State.SUCCEEDED
            row.end(state, timezone.now(), plan.said)
    except ConnectorError as error:
        for row in rows:
            fail(row, error)
    return rows


def _begin_filter(pair: Pair, run: SyncRun | None, user: User | None) -> TagSync:
    what = TagSync.What.FILTER
    return TagSync.objects.begin(pair.child, pair.child_kind, run, user, what=what)


def _take_away(
    client: PexClient, made: TagSync, run: SyncRun | None, user: User | None
) -> TagSync:
    """A filter that nobody keeps would hide new options from cardholders."""
    mapping = made.tenant.mappings.get(field=made.field)
    what = TagSync.What.FILTER
    row = TagSync.objects.begin(mapping, made.kind, run, user, what=what)
    try:
        take_away(client, made.tag_id)
    except ConnectorError as error:
        fail(row, error)
    else:
        said = "Its filter was taken away, because dependent options are switched off."
        row.end(TagSync.State.SUCCEEDED, timezone.now(), said)
    return row
