"""What the libraries that read a file say about it, besides reading it.

Nothing of it is passed over: what concerns the page that people see is told with the
document, and what does not is named here.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# They speak of what is cut out of the file anyway (EXIF, previews), or of what is done
# about it here already.
_DECIDED = re.compile(
    "exif|metadata|malformed mpo|transparency|apng|xfa|duplicate key|palette images"
    "|truncated file read|interactive form|form widget|gray chunk|icc",
    re.IGNORECASE,
)
_LONGEST = 120


@contextmanager
def heard() -> Iterator[list[str]]:
    """What is said within it, known at its end."""
    said: list[str] = []
    listener, root = _Listener(said), logging.getLogger()
    root.addHandler(listener)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield said
            said += [str(each.message) for each in caught]
    finally:
        root.removeHandler(listener)


def told(said: Sequence[str]) -> str:
    """A sentence about the first of them that matters; nothing if none does."""
    mattering = [" ".join(each.split()) for each in said if not _DECIDED.search(each)]
    if not mattering:
        return ""
    return (
        f"it was read with a reservation (“{mattering[0][:_LONGEST]}”), so compare it "
        "with PEX."
    )


class _Listener(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())
