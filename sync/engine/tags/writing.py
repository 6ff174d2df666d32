"""A dropdown of PEX read and written as a whole (P9), whoever else changes it.

What its options become is decided by the caller's `plan`, which is asked anew after
every reading; nothing is written where nothing differs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from connector.api.exceptions import (
    ConnectorError,
    InvalidRequestError,
    NotFoundError,
    UnexpectedResponseError,
)
from connector.api.pex.client import PexClient
from connector.api.pex.tags import Dropdown
from connector.api.pex.types import Tag, is_same_name, tag_named
from connector.models import Tenant
from sync.engine.tags.halving import (
    Halving,
    Heartbeat,
    Record,
    Written,
    changes_of,
    must_be_read,
)
from sync.rules.tag_options import Difference, difference_between

Plan = Callable[[Dropdown], Difference]


class TagUnusableError(Exception):
    """The tag cannot be synced, and this is what a person must do."""


def find_dropdown(tenant: Tenant, client: PexClient, name: str) -> Dropdown:
    """The mapped tag with all its options; one call where its id is still right.

    Raises `TagUnusableError`, and the errors of `connector.api.exceptions`.
    """
    known = tag_named(tenant.pex.remembered_tags(), name)
    if known is not None and known.is_usable:
        found = _read_or_none(client, known.tag_id)
        if found is not None and _is_it(found.tag, name):
            return found
    tags = client.list_tags()
    tenant.pex.remember_tags(tags)
    tag = tag_named(tags, name)
    if tag is None:
        raise TagUnusableError(
            f"PEX has no tag “{name}” any more. Choose another in the field mapping, "
            "or press Create PEX tags for CMiC."
        )
    if not tag.is_usable:
        raise TagUnusableError(f"The tag “{name}” is disabled in PEX. Enable it there.")
    if not tag.is_dropdown:
        raise TagUnusableError(
            f"The tag “{name}” is not a dropdown. Choose another in the field mapping."
        )
    return client.read_dropdown(tag.tag_id)


def write(
    client: PexClient,
    dropdown: Dropdown,
    plan: Plan,
    *,
    record: Record = lambda written: None,
    heartbeat: Heartbeat = lambda: None,
    refused_before: Collection[tuple[str, str]] = (),
) -> Written:
    """Have PEX keep what the plan says of the dropdown.

    Who changed it meanwhile is not overwritten, and an answer that was lost is not
    guessed: the tag is read again, planned again and sent once more. `refused_before`
    are options (Value and name) that PEX did not take the last time. What was written
    before an error, or may have been, goes to `record`. Raises the errors of
    `connector.api.exceptions`, and what `heartbeat` raises, which is called before each
    call.
    """
    send = partial(_send, client, record, heartbeat, refused_before)
    planned = plan(dropdown)
    sent = send(dropdown, planned)
    if isinstance(sent, Written):
        return sent
    heartbeat()
    dropdown = client.read_dropdown(dropdown.tag.tag_id)
    again = plan(dropdown)
    if sent.may_have_succeeded and not again.is_changed:
        # PEX has it: only the answer was lost.
        return Written(planned, planned)
    sent = send(dropdown, again)
    if isinstance(sent, Written):
        return sent
    raise sent


def _send(
    client: PexClient,
    record: Record,
    heartbeat: Heartbeat,
    refused_before: Collection[tuple[str, str]],
    dropdown: Dropdown,
    planned: Difference,
) -> Written | ConnectorError:
    """What was written, or the error after which the tag must be read to know."""
    if not planned.is_changed:
        return Written(planned, planned)
    heartbeat()
    try:
        client.replace_options(dropdown, planned.options)
    except InvalidRequestError as error:
        halving = Halving(client, dropdown, planned, record)
        return halving.run(error, heartbeat, refused_before)
    except ConnectorError as error:
        if error.may_have_succeeded:
            record(_in_doubt(planned, dropdown))
        if not must_be_read(error):
            raise
        return error
    return Written(planned, planned)


def _in_doubt(difference: Difference, dropdown: Dropdown) -> Written:
    before = dropdown.options
    changes = changes_of(difference, before)
    nothing = difference_between(before, before)
    return Written(difference, nothing, left=tuple(changes), is_doubtful=True)


def _read_or_none(client: PexClient, tag_id: str) -> Dropdown | None:
    """None where PEX no longer has it by this id."""
    try:
        return client.read_dropdown(tag_id)
    except (NotFoundError, InvalidRequestError, UnexpectedResponseError):
        return None


def _is_it(tag: Tag, name: str) -> bool:
    """Still, for somebody may have renamed or disabled it."""
    return tag.is_usable and is_same_name(tag.name, name)
