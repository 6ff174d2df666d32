"""A dropdown of PEX read and written as a whole (P9), whoever else changes it.

What its options become is decided by the caller's `plan`, which is asked anew after
every reading; nothing is written where nothing differs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from connector.api.exceptions import (
    ConnectorError,
    InvalidRequestError,
    NotFoundError,
    UnexpectedResponseError,
)
from connector.api.pex.client import PexClient
from connector.api.pex.tags import Dropdown
from connector.connections.probing import remember_tags
from connector.models import Tenant
from sync.engine.tags.halving import (
    Halving,
    Heartbeat,
    Note,
    Written,
    changes_of,
    must_be_read,
)
from sync.rules.tag_options import Difference, difference_between

Plan = Callable[[Dropdown], Difference]

_TRIES = 2


class TagUnusableError(Exception):
    """The tag cannot be synced, and this is what a person must do."""


def find_dropdown(tenant: Tenant, client: PexClient, name: str) -> Dropdown:
    """The mapped tag with all its options; one call where its id is still right.

    Raises `TagUnusableError`, and the errors of `connector.api.exceptions`.
    """
    for each in tenant.pex.tags:
        if each["is_usable"] and each["name"].casefold() == name.casefold():
            found = _read_or_none(client, each["id"])
            if found is not None and _is_it(found, name):
                return found
    tags = client.list_tags()
    remember_tags(tenant.pex, tags)
    named = [tag for tag in tags if tag.name.casefold() == name.casefold()]
    if not named:
        raise TagUnusableError(
            f"PEX has no tag “{name}” any more. Choose another in the field mapping, "
            "or press Create PEX tags for CMiC."
        )
    usable = [tag for tag in named if tag.is_usable]
    if not usable:
        raise TagUnusableError(f"The tag “{name}” is disabled in PEX. Enable it there.")
    dropdowns = [tag for tag in usable if tag.is_dropdown]
    if not dropdowns:
        raise TagUnusableError(
            f"The tag “{name}” is not a dropdown. Choose another in the field mapping."
        )
    return client.read_dropdown(dropdowns[0].tag_id)


def write(
    client: PexClient,
    dropdown: Dropdown,
    plan: Plan,
    *,
    note: Note = lambda written: None,
    heartbeat: Heartbeat = lambda: None,
    refused_before: Collection[tuple[str, str]] = (),
) -> Written:
    """Have PEX keep what the plan says of the dropdown.

    Who changed it meanwhile is not overwritten, and an answer that was lost is not
    guessed: the tag is read again, planned again and sent once more. `refused_before`
    are options (Value and name) that PEX did not take the last time. What was written
    before an error, or may have been, goes to `note`. Raises the errors of
    `connector.api.exceptions`, and what `heartbeat` raises, which is called before each
    call.
    """
    lost: Difference | None = None
    for attempt in range(1, _TRIES + 1):
        difference = plan(dropdown)
        if not difference.is_changed:
            done = lost or difference
            return Written(done, done)
        heartbeat()
        try:
            client.replace_options(dropdown, difference.options)
            return Written(difference, difference)
        except InvalidRequestError as error:
            halving = Halving(client, dropdown, difference, note)
            return halving.run(error, heartbeat, refused_before)
        except ConnectorError as error:
            lost = difference if error.may_have_succeeded else None
            if lost is not None:
                note(_in_doubt(difference, dropdown))
            if attempt == _TRIES or not must_be_read(error):
                raise
        heartbeat()
        dropdown = client.read_dropdown(dropdown.tag.tag_id)
    raise AssertionError("unreachable")  # pragma: no cover


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


def _is_it(found: Dropdown, name: str) -> bool:
    return found.tag.is_usable and found.tag.name.casefold() == name.casefold()
