"""What one tag's options are to become, and whether a person said so of just this.

Reads the cached codes and what is known of the options; calls nobody.
"""

from __future__ import annotations

import hashlib

from connector.api.pex.option_names import Value
from connector.api.pex.tags import Dropdown
from connector.models import Tenant
from sync.engine.tags.values import Target, values_of
from sync.models import OptionAlias
from sync.rules.tag_options import Difference, compare


class ShownOtherwiseError(Exception):
    """What a person said yes to is not what would be done now.

    `meanwhile` is the sentence where something may have been done already.
    """

    meanwhile = "What would be disabled has changed meanwhile. Look at it again."

    def __init__(self) -> None:
        super().__init__(
            "Nothing was disabled: what would be has changed since the page was "
            "opened. Look at it again."
        )


def shown_of(target: Target, difference: Difference | None) -> str:
    """Stands for the options that wait for a person; empty where none do."""
    if difference is None or not difference.held:
        return ""
    held = sorted([option.value, option.name] for option in difference.held)
    said = repr([str(target.mapping.field), target.mapping.tag, held])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


class Planner:
    """Plans one sync of a tag as often as that is read.

    CMiC's values are read once, so that what a person said yes to and what is done come
    from the same list. `shown` is what they were shown, if they said that the options
    that wait are to be disabled.
    """

    def __init__(
        self, tenant: Tenant, target: Target, shown: str | None = None
    ) -> None:
        self._tenant = tenant
        self._target = target
        self._shown = shown
        self._values: list[Value] | None = None
        # By Value: what the person said yes to, once that was looked up.
        self._confirmed: set[str] | None = None

    def plan(self, dropdown: Dropdown) -> Difference:
        """Raises `ShownOtherwiseError` if more would be disabled than was shown."""
        difference = self._compare(dropdown)
        if self._shown is None:
            return difference
        held = {option.value for option in difference.held}
        if self._confirmed is None:
            if not held or shown_of(self._target, difference) != self._shown:
                raise ShownOtherwiseError
            self._confirmed = held
        # Read again after a conflict or a lost answer, some may be disabled already.
        if not held <= self._confirmed:
            raise ShownOtherwiseError
        return self._compare(dropdown, disable_all=True)

    def _compare(self, dropdown: Dropdown, *, disable_all: bool = False) -> Difference:
        tag_id = dropdown.tag.tag_id
        if self._values is None:
            self._values = values_of(self._tenant, self._target, tag_id)
        return compare(
            self._values,
            dropdown.options,
            style=self._target.mapping.label,
            adopted=OptionAlias.objects.values_of(self._tenant, tag_id),
            disable_all=disable_all,
        )
