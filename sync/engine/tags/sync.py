"""The options of a tenant's mapped tags brought in line with CMiC (F8), and recorded.

By a run before its purchases, by a person, by a command. What the options become is
`sync.rules.tag_options`, writing them `sync.engine.tags.writing`; the rows are
`TagSync`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from connector import clock
from connector.api.exceptions import (
    AuthenticationError,
    ConnectorError,
    SettingsIncompleteError,
)
from connector.api.pex.tags import Dropdown
from connector.api.pex.types import is_same_name
from connector.codes.reading import refresh_now
from connector.models import Tenant
from sync.engine.judging.context import RunContext, TenantContext
from sync.engine.tags.filter_sync import filters_due, sync_filters
from sync.engine.tags.filters import FilterPlan, pairs_of, plan_filters
from sync.engine.tags.halving import Written
from sync.engine.tags.planning import (
    Planner,
    ShownOtherwiseError,
    Target,
    first_kind,
    is_read,
    targets_of,
)
from sync.engine.tags.words import (
    held_words,
    record_of,
    written_words,
)
from sync.engine.tags.writing import TagUnusableError, find_dropdown, write
from sync.models import OptionAlias, TagSync
from sync.models.tagging import MOST_KEPT, TagSyncActiveError, only_one
from sync.rules.tag_options import Difference

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """What a sync of one tag would do now; `problem` says why it cannot."""

    target: Target
    difference: Difference | None
    problem: str = ""


def look_at_tags(context: TenantContext) -> list[Look]:
    """What a sync would do with the codes as they were last read. Writes nothing.

    Raises the errors of `connector.api.exceptions`.
    """
    tenant, client = context.tenant, context.pex
    looks = []
    for target in targets_of(tenant):
        try:
            _require_usable(tenant, target)
            dropdown = find_dropdown(tenant, client, target.mapping.tag)
        except TagUnusableError as error:
            looks.append(Look(target, None, str(error)))
        else:
            looks.append(Look(target, Planner(tenant, target).plan(dropdown)))
    return looks


def look_at_filters(context: TenantContext) -> list[FilterPlan]:
    """What a sync would do with the filters between tags; as `look_at_tags`."""
    return plan_filters(context, pairs_of(context.tenant))


def read_lists(context: TenantContext) -> list[str]:
    """Read CMiC's lists behind the tags and filters now; sentences for people.

    Raises the errors of `connector.api.exceptions`.
    """
    tenant = context.tenant
    kinds = [target.kind for target in targets_of(tenant)]
    for pair in pairs_of(tenant):
        kinds += [pair.parent_kind, pair.child_kind]
    if not kinds:
        return []
    # What hangs on a job is offered only while that is active: jobs first.
    kinds = list(dict.fromkeys([first_kind(tenant), *kinds]))
    return refresh_now(tenant, context.cmic, kinds, context.heartbeat)


def sync_tags(
    context: TenantContext,
    *,
    user: User | None = None,
    disable_all: Mapping[str, str] | None = None,
) -> list[TagSync]:
    """Bring every mapped tag with *Sync tag* in line; what became of each.

    `disable_all` are fields for which a person said that a short list is to be
    believed, with `shown_of` what they were shown. One tag's trouble does not stop the
    others, except dead credentials. Raises `TagSyncActiveError` while another process
    is at it, `ShownOtherwiseError` before anything is written, `AuthenticationError`,
    and what keeps clients from being made.
    """
    tenant, run = context.tenant, context.run
    # What keeps the client from being made is no single tag's trouble.
    _ = context.pex
    done = []
    with only_one(tenant):
        already = TagSync.objects.done_by(run)
        TagSync.objects.close_abandoned(tenant, clock.now())
        confirmed = disable_all or {}
        # First what a person said yes to: if that has changed, nothing at all is done.
        targets = sorted(
            targets_of(tenant), key=lambda each: each.mapping.field not in confirmed
        )
        if confirmed.keys() - {each.mapping.field for each in targets}:
            raise ShownOtherwiseError
        for target in targets:
            if (TagSync.What.OPTIONS, target.mapping.field) in already:
                continue
            context.heartbeat()
            row = TagSync.objects.begin(
                target.mapping, target.kind, run, user, company=target.company
            )
            shown = confirmed.get(target.mapping.field)
            _sync_one(context, target, row, shown=shown)
            done.append(row)
        context.heartbeat()
        if fields := filters_due(tenant, already):
            done += sync_filters(context, user, fields)
    return done


def sync_before_purchases(context: RunContext) -> list[str]:
    """The run's own step; its trouble is told in sentences and stops no purchase.

    Each tag once a run, however often that is prepared, unless it was broken off.
    Raises `AuthenticationError`, and what the heartbeat raises; and where our own
    limits are reached, the error that has the run wait.
    """
    tenant = context.tenant
    already = TagSync.objects.done_by(context.run)
    tags = {(TagSync.What.OPTIONS, each.mapping.field) for each in targets_of(tenant)}
    if tags <= already and not filters_due(tenant, already):
        return []
    remarks: list[str] = []
    try:
        remarks += read_lists(context)
        rows = sync_tags(context)
    except (AuthenticationError, SettingsIncompleteError):
        raise
    except TagSyncActiveError as error:
        return [*remarks, str(error)]
    except ConnectorError as error:
        if error.is_ours:
            raise
        return [*remarks, f"Tag options were not synced: {error.message}"]
    troubled = [row for row in rows if row.state != TagSync.State.SUCCEEDED]
    return remarks + [f"Tag “{row.tag}”: {row.message}" for row in troubled]


def _require_usable(tenant: Tenant, target: Target) -> None:
    tag = target.mapping.tag
    same = [each for each in targets_of(tenant) if is_same_name(each.mapping.tag, tag)]
    if len(same) > 1:
        titles = " and ".join(each.title for each in same)
        raise TagUnusableError(
            f"The tag “{tag}” is mapped to {titles}, and its options "
            "can be the codes of one only. Map one of them to another tag."
        )
    if not is_read(tenant, target):
        raise TagUnusableError(
            f"CMiC's list of {target.kind.plural} was not read yet. Press Refresh "
            "codes; if it stays so, CMiC does not show that list to this user."
        )


def _sync_one(
    context: TenantContext,
    target: Target,
    row: TagSync,
    *,
    shown: str | None,
) -> None:
    tenant = context.tenant
    planner = Planner(tenant, target, shown)

    def plan(dropdown: Dropdown) -> Difference:
        difference = planner.plan(dropdown)
        # Before it is written: a name that is gone could not be found out later.
        _remember(tenant, dropdown, difference)
        return difference

    try:
        _require_usable(tenant, target)
        dropdown = find_dropdown(tenant, context.pex, target.mapping.tag)
        row.tag_id = dropdown.tag.tag_id
        written = write(
            context.pex,
            dropdown,
            plan,
            record=lambda written: _record(row, written),
            heartbeat=context.heartbeat,
            refused_before=TagSync.objects.refused_in(tenant, row.tag_id),
        )
    except ShownOtherwiseError as error:
        if not row.difference:
            row.delete()
            raise
        # An answer was lost, so that some may be disabled.
        row.break_off(clock.now(), error.meanwhile)
    except TagUnusableError as error:
        row.end(TagSync.State.FAILED, clock.now(), str(error))
    except ConnectorError as error:
        row.give_up(clock.now(), error)
        logger.warning("Tag “%s” of %s: %s", row.tag, tenant, error)
    else:
        _end(row, target, written)


def _remember(tenant: Tenant, dropdown: Dropdown, difference: Difference) -> None:
    """What purchases may say that were tagged before the options changed (§5.3)."""
    tag_id = dropdown.tag.tag_id
    adopted = {**OptionAlias.objects.values_of(tenant, tag_id), **difference.adopted}
    names = {
        each.before.casefold(): adopted.get(each.value, each.value)
        for each in difference.renamed
    }
    with transaction.atomic():
        OptionAlias.objects.remember(tenant, tag_id, difference.adopted, is_value=True)
        OptionAlias.objects.remember(tenant, tag_id, names, is_value=False)


def _record(row: TagSync, written: Written) -> None:
    row.record(written_words(written), *record_of(written, MOST_KEPT))


def _end(row: TagSync, target: Target, written: Written) -> None:
    state = TagSync.State.SUCCEEDED
    message = written_words(written)
    if written.planned.held:
        state = TagSync.State.WAITING
        message = f"{message} {held_words(target, written.planned)}"
    if not written.is_whole:
        state = TagSync.State.FAILED
    row.end(state, clock.now(), message, *record_of(written, MOST_KEPT))
