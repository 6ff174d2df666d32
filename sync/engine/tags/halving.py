"""A list of options that PEX refuses, written but for the options it is refused for.

PEX does not say which those are: half of the changes are sent, and half of those, until
each that is refused was sent alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from connector.api.exceptions import ConflictError, ConnectorError, InvalidRequestError
from connector.api.pex.client import PexClient
from connector.api.pex.tags import Dropdown
from connector.api.pex.types import TagOption
from sync.rules.tag_options import Difference, difference_between

# Lists to send for one tag before the rest is left to the next sync.
_MOST_TRIES = 120


@dataclass(frozen=True)
class Refused:
    option: TagOption
    sentence: str


@dataclass(frozen=True)
class Written:
    """`planned` is what was to be done, `done` what was.

    `refused` were sent alone, `left` are changes that were not written; where
    `is_doubtful`, PEX may have kept some of these. `list_refused` is what PEX says
    against its own list.
    """

    planned: Difference
    done: Difference
    refused: tuple[Refused, ...] = ()
    left: tuple[TagOption, ...] = ()
    is_doubtful: bool = False
    list_refused: str = ""

    @property
    def is_whole(self) -> bool:
        return not (self.refused or self.left)


Record = Callable[[Written], None]
Heartbeat = Callable[[], None]


def must_be_read(error: ConnectorError) -> bool:
    """Whether the tag must be read again to know what it is now."""
    return isinstance(error, ConflictError) or error.may_have_succeeded


def changes_of(difference: Difference, before: Sequence[TagOption]) -> list[TagOption]:
    """The options that differ; disabling last, since one must stay enabled."""
    there = {option.value: option for option in before}
    changed = [
        option for option in difference.options if there.get(option.value) != option
    ]
    return sorted(changed, key=lambda option: not option.is_enabled)


class Halving:
    """One list's changes on their way. `record` is told whenever something went."""

    def __init__(
        self, client: PexClient, dropdown: Dropdown, planned: Difference, record: Record
    ) -> None:
        self._client = client
        self._planned = planned
        self._record = record
        self._tag_id = dropdown.tag.tag_id
        self._before = dropdown.options
        # None while it must be read again.
        self._current: Dropdown | None = dropdown
        # The last is the next; with it, whether what follows is its other half.
        self._pieces: list[tuple[Sequence[TagOption], bool]] = []
        self._went: list[TagOption] = []
        self._is_doubtful = False
        self._refused: list[Refused] = []

    def run(
        self,
        error: InvalidRequestError,
        heartbeat: Heartbeat,
        refused_before: Collection[tuple[str, str]] = (),
    ) -> Written:
        """Write what goes of a list that was refused as a whole with `error`.

        `refused_before` (Value and name) are tried last, each alone. Raises the errors
        of `connector.api.exceptions`, and what `heartbeat` raises, after that is
        recorded.
        """
        self._begin(error, refused_before)
        try:
            return self._search(heartbeat)
        except ConnectorError:
            if self._went or self._refused or self._is_doubtful:
                self._record(self._so_far())
            raise

    def _search(self, heartbeat: Heartbeat) -> Written:
        for _ in range(_MOST_TRIES):
            if not self._pieces:
                break
            piece, is_first_half = self._pieces[-1]
            error = self._send(piece, heartbeat)
            if error is None:
                self._pieces.pop()
                self._went += piece
                self._record(self._so_far())
                if is_first_half and len(self._pieces[-1][0]) > 1:
                    # Together they were refused: the fault is in the other half.
                    self._halve()
            elif len(piece) > 1:
                self._halve()
            elif sentence := self._list_refused(heartbeat):
                return self._so_far(list_refused=sentence)
            else:
                self._pieces.pop()
                self._refused.append(Refused(piece[0], sentence_of(error)))
        return self._so_far()

    def _begin(
        self, error: InvalidRequestError, refused_before: Collection[tuple[str, str]]
    ) -> None:
        changes = changes_of(self._planned, self._before)
        if len(changes) == 1:
            self._refused.append(Refused(changes[0], sentence_of(error)))
            return
        known = [each for each in changes if (each.value, each.name) in refused_before]
        fresh = [each for each in changes if each not in known]
        self._pieces = [((each,), False) for each in reversed(known)]
        if fresh:
            self._pieces.append((fresh, False))
        if not known:
            # It was sent as the whole list.
            self._halve()

    def _halve(self) -> None:
        piece, _ = self._pieces.pop()
        middle = len(piece) // 2
        self._pieces += [(piece[middle:], False), (piece[:middle], True)]

    def _send(
        self, some: Sequence[TagOption], heartbeat: Heartbeat
    ) -> InvalidRequestError | None:
        """The refusal, if it was one. Sent once more if somebody else changed the tag
        meanwhile, or the answer was lost."""
        for is_last in (False, True):
            heartbeat()
            if self._current is None:
                self._current = self._client.read_dropdown(self._tag_id)
                self._is_doubtful = False
                heartbeat()
            options = _with(self._current.options, some)
            try:
                self._client.replace_options(self._current, options)
            except InvalidRequestError as error:
                return error
            except ConnectorError as error:
                self._current = None
                self._is_doubtful = error.may_have_succeeded
                if is_last or not must_be_read(error):
                    raise
            else:
                break
        self._current = None
        return None

    def _list_refused(self, heartbeat: Heartbeat) -> str:
        """What PEX says against its own list, or nothing: asked once, before the first
        option is blamed."""
        if self._went or self._refused:
            return ""
        error = self._send((), heartbeat)
        return "" if error is None else sentence_of(error)

    def _so_far(self, list_refused: str = "") -> Written:
        return Written(
            self._planned,
            difference_between(self._before, _with(self._before, self._went)),
            tuple(self._refused),
            tuple(each for piece, _ in reversed(self._pieces) for each in piece),
            self._is_doubtful,
            list_refused,
        )


def sentence_of(error: InvalidRequestError) -> str:
    """PEX's own, without its full stop."""
    return (error.detail or error.message).rstrip(".")


def _with(
    options: Sequence[TagOption], changes: Sequence[TagOption]
) -> list[TagOption]:
    """The list with these changes in their places, new ones at its end."""
    chosen = {option.value: option for option in changes}
    listed = [chosen.pop(option.value, option) for option in options]
    return [*listed, *chosen.values()]
