"""The filters between a tenant's tags made, kept or taken away (F9), and recorded.

What is to be done is `sync.engine.tags.filters`; who holds the tenant's lock calls this
after the options that filters are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from django.contrib.auth.models import User

from connector import clock
from connector.api.exceptions import ConnectorError
from connector.api.pex.client import PexClient
from connector.models import Tenant
from sync.engine.judging.context import TenantContext
from sync.engine.tags.filters import (
    FilterPlan,
    Pair,
    left_over,
    pairs_of,
    plan_filters,
    take_away,
)
from sync.models import SyncRun, TagSync


def filters_due(tenant: Tenant, done: Collection[tuple[str, str]] = ()) -> set[str]:
    """The fields whose filter is to be kept or taken away, without those `done`."""
    fields = {str(pair.child.field) for pair in pairs_of(tenant)}
    fields |= {str(row.field) for row in left_over(tenant)}
    return {each for each in fields if (TagSync.What.FILTER, each) not in done}


def sync_filters(
    context: TenantContext, user: User | None, fields: Collection[str]
) -> list[TagSync]:
    """What became of those of these fields; raises as `sync_tags` does."""
    tenant, run = context.tenant, context.run
    pairs = [pair for pair in pairs_of(tenant) if pair.child.field in fields]
    if not pairs:
        rows = []
        for made in left_over(tenant):
            if made.field in fields:
                context.heartbeat()
                rows.append(_take_away(context.pex, made, run, user))
        return rows
    rows = [_begin_filter(pairs[0], run, user)]
    try:
        plans = plan_filters(context, pairs)
    except ConnectorError as error:
        rows[0].give_up(clock.now(), error)
        return rows
    for plan in plans:
        if plan is not plans[0]:
            rows.append(_begin_filter(plan.pair, run, user))
        _write(plan, rows[-1], context.heartbeat)
    return rows


def _write(plan: FilterPlan, row: TagSync, heartbeat: Callable[[], None]) -> None:
    row.tag_id = plan.child_id
    try:
        if plan.write is not None:
            heartbeat()
            plan.write()
    except ConnectorError as error:
        row.give_up(clock.now(), error)
    else:
        state = TagSync.State.FAILED if plan.is_trouble else TagSync.State.SUCCEEDED
        row.end(state, clock.now(), plan.sentence)


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
        row.give_up(clock.now(), error)
    else:
        sentence = (
            "Its filter was taken away, because dependent options are switched off."
        )
        row.end(TagSync.State.SUCCEEDED, clock.now(), sentence)
    return row
