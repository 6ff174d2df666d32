"""A dropdown of PEX read and written as a whole (P9), whoever else changes it.

What its options become is decided by the caller's `plan`, which is asked anew after
every reading; nothing is written where nothing differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from connector.checks import remember_tags
from connector.exceptions import (
    ConflictError,
    ConnectorError,
    InvalidRequestError,
    NotFoundError,
    UnexpectedResponseError,
)
from connector.models import Tenant
from connector.pex.client import PexClient
from connector.pex.tags import Dropdown
from connector.pex.types import TagOption
from sync.tag_options import Difference, difference_between

Plan = Callable[[Dropdown], Difference]

_TRIES = 2
# Calls to find the option that a list is refused for.
_MOST_HALVINGS = 24


class TagUnusableError(Exception):
    """The tag cannot be synced, and this is what a person must do."""


@dataclass(frozen=True)
class Written:
    """`planned` is what was to be done, `done` what was; `refusal` says why not all."""

    planned: Difference
    done: Difference
    refusal: str = ""


def find_dropdown(tenant: Tenant, client: PexClient, name: str) -> Dropdown:
    """The mapped tag with all its options; one call where its id is still right.

    Raises `TagUnusableError`, and the errors of `connector.exceptions`.
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


def write(client: PexClient, dropdown: Dropdown, plan: Plan) -> Written:
    """Have PEX keep what the plan says of the dropdown.

    Who changed it meanwhile is not overwritten, and an answer that was lost is not
    guessed: the tag is read again, planned again and sent once more. Raises the errors
    of `connector.exceptions`.
    """
    for attempt in range(1, _TRIES + 1):
        difference = plan(dropdown)
        if not difference.is_changed:
            return Written(difference, difference)
        try:
            client.replace_options(dropdown, difference.options)
            return Written(difference, difference)
        except InvalidRequestError as error:
            return _write_what_goes(client, dropdown, difference, error)
        except ConnectorError as error:
            is_doubtful = isinstance(error, ConflictError) or error.may_have_succeeded
            if attempt == _TRIES or not is_doubtful:
                raise
        dropdown = client.read_dropdown(dropdown.tag.tag_id)
    raise AssertionError("unreachable")  # pragma: no cover


def _write_what_goes(
    client: PexClient,
    dropdown: Dropdown,
    difference: Difference,
    error: InvalidRequestError,
) -> Written:
    """PEX does not say which option it refuses: found by sending half of the changes,
    and half of those. What is not at fault is written by that."""
    before = dropdown.options
    waiting = _changes(difference, before)
    suspects = waiting
    fault = waiting[0] if len(waiting) == 1 else None
    for _ in range(_MOST_HALVINGS):
        if fault is not None or not suspects:
            break
        some = suspects[: max(1, len(suspects) // 2)]
        try:
            dropdown = _replace(client, dropdown, some)
        except InvalidRequestError as refused:
            error = refused
            fault = some[0] if len(some) == 1 else None
            suspects = some
        else:
            waiting = _without(waiting, some)
            suspects = suspects[len(some) :]
    rest = _without(waiting, [fault] if fault else [])
    if rest and fault is not None:
        with suppress(InvalidRequestError):
            dropdown = _replace(client, dropdown, rest)
            rest = []
    done = difference_between(before, dropdown.options)
    if not waiting:
        return Written(difference, done)
    return Written(difference, done, _refusal(error, fault or waiting[0], rest))


def _refusal(
    error: InvalidRequestError, fault: TagOption, rest: Sequence[TagOption]
) -> str:
    left = (
        f"{len(rest)} other changes were not written either."
        if rest
        else "Everything else was written."
    )
    said = (error.detail or error.message).rstrip(".")
    return (
        f"PEX refused the option “{fault.name}” ({fault.value}): {said}. {left} Change "
        "its name in CMiC, or leave its code out in the field mapping."
    )


def _changes(difference: Difference, before: Sequence[TagOption]) -> list[TagOption]:
    """The options that differ; disabling last, since one must stay enabled."""
    there = {option.value: option for option in before}
    changed = [
        option for option in difference.options if there.get(option.value) != option
    ]
    return sorted(changed, key=lambda option: not option.is_enabled)


def _replace(
    client: PexClient, dropdown: Dropdown, some: Sequence[TagOption]
) -> Dropdown:
    """Write the list as PEX has it, with these changes; how it is then."""
    chosen = {option.value: option for option in some}
    listed = [chosen.pop(option.value, option) for option in dropdown.options]
    client.replace_options(dropdown, [*listed, *chosen.values()])
    return client.read_dropdown(dropdown.tag.tag_id)


def _without(
    options: Sequence[TagOption], some: Sequence[TagOption]
) -> list[TagOption]:
    gone = {option.value for option in some}
    return [option for option in options if option.value not in gone]


def _read_or_none(client: PexClient, tag_id: str) -> Dropdown | None:
    """None where PEX no longer has it by this id."""
    try:
        return client.read_dropdown(tag_id)
    except (NotFoundError, InvalidRequestError, UnexpectedResponseError):
        return None


def _is_it(found: Dropdown, name: str) -> bool:
    return found.tag.is_usable and found.tag.name.casefold() == name.casefold()
