"""Inputs that are chosen from long lists: what is chosen is in the page, the rest is
fetched while one types. The endpoints are `connector.admin.pages.choices`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.forms import Select
from unfold.widgets import UnfoldAdminAutocompleteWidget

from connector.models.codes import CodeState

# Behind a code that is not simply there. No entry: nothing to say.
MARKS = {
    CodeState.INACTIVE: "inactive in CMiC",
    CodeState.UNKNOWN: "not in CMiC",
    CodeState.UNCHECKED: "unchecked",
}


class SearchSelect(Select):
    """A select2 of ours; `connector/choices.js` brings it to life."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "connector-choice", **(attrs or {})})

    class Media:
        # jQuery and select2, as Django's own autocomplete has them.
        parent = UnfoldAdminAutocompleteWidget.Media
        js = (*parent.js[:-1], "connector/choices.js")
        css: ClassVar[dict[str, Sequence[str]]] = parent.css


class CodeSelect(SearchSelect):
    """A code of CMiC. `describe` tells the state and the name of the chosen one."""

    def __init__(
        self,
        describe: Callable[[str], tuple[CodeState, str]],
        attrs: dict[str, Any] | None = None,
        *,
        is_named_only: bool = False,
    ) -> None:
        super().__init__(attrs)
        self._describe = describe
        self._is_named_only = is_named_only

    def optgroups(
        self, name: str, value: list[str], attrs: dict[str, Any] | None = None
    ) -> list[tuple[str | None, list[dict[str, Any]], int | None]]:
        options = [self.create_option(name, "", "", not any(value), 0)]
        for code in filter(None, value):
            state, title = self._describe(code)
            shown = title if self._is_named_only and title else code
            rest = "" if self._is_named_only else title
            mark = MARKS.get(state, "")
            words = " ".join(filter(None, (shown, rest, f"({mark})" if mark else "")))
            option = self.create_option(name, code, words, True, 1)
            option["attrs"] |= _parts(shown, rest, mark)
            options.append(option)
        return [(None, options, 0)]


class TagSelect(SearchSelect):
    """A dropdown tag of PEX, of those it had when it was last asked.

    One that is chosen and not among them is marked. `names` empty: PEX was not asked
    yet, and a name can be typed.
    """

    def __init__(
        self,
        names: Sequence[str],
        mark: Callable[[str], str],
        attrs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__({**(attrs or {}), "data-free": "" if names else "unchecked"})
        self._names = names
        self._mark = mark

    def optgroups(
        self, name: str, value: list[str], attrs: dict[str, Any] | None = None
    ) -> list[tuple[str | None, list[dict[str, Any]], int | None]]:
        chosen = next(filter(None, value), "")
        names = [*self._names]
        if chosen and chosen not in names:
            names.append(chosen)
        options = [self.create_option(name, "", "", not chosen, 0)]
        for index, tag in enumerate(names, start=1):
            mark = self._mark(tag)
            words = f"{tag} ({mark})" if mark else tag
            option = self.create_option(name, tag, words, tag == chosen, index)
            option["attrs"] |= _parts(tag, "", mark)
            options.append(option)
        return [(None, options, 0)]


def _parts(code: str, name: str, mark: str) -> dict[str, str]:
    """What `connector/choices.js` shows of an option, each in its own dress."""
    return {"data-code": code, "data-name": name, "data-mark": mark}
