"""Child processes that read the bytes of others, so that a crash or a hang costs one
purchase and nothing else (docs/decisions/010).

Owns the children of this process: starting, lending, ending them. What they do is
`sync.workshop.child`; what a failure means for a purchase is the caller's.
"""

from __future__ import annotations

import atexit
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from connector.cmic.types import Document
from sync.receipts import Origin, ReceiptFile, Receipts, left_out
from sync.workshop.frames import FrameError, read_frame, write_frame

# Seconds by the clock for one piece of work; the child bounds its processor time.
MOST_SECONDS = 30.0
MOST_SECONDS_A_FILE = 20.0
# For trying files one by one: all together must end before the purchase's lease does.
_MOST_SECONDS_ALONE = 90.0
# Seconds to wait for a child that is at work for another purchase.
_MOST_WAITING = 90.0
_SLICE = 5.0
_CHILDREN = max(1, min(2, os.cpu_count() or 1))
_ROOT = Path(__file__).resolve().parents[2]
_BROKEN = "reading it took more time or memory than a receipt may."


class WorkshopError(Exception):
    """The work was not done: the child died, hung or answered nonsense."""


class WorkshopBusyError(Exception):
    """No child got free: this says nothing about the files."""


class _Child:
    def __init__(self) -> None:
        # No environment: it has no use for the secrets that stand there.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sync.workshop.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env={"PYTHONDONTWRITEBYTECODE": "1"},
            # What stops the worker must not look like a file that broke its reader.
            start_new_session=True,
        )

    def ask(
        self, head: dict[str, Any], blobs: Sequence[bytes], seconds: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Raises `WorkshopError`; the child is of no use then."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise WorkshopError("The child has no pipes.")
        watch = threading.Timer(seconds, self.process.kill)
        watch.start()
        try:
            write_frame(stdin, head, blobs)
            return read_frame(stdout)
        except (OSError, FrameError) as error:
            raise WorkshopError("The child did not answer.") from error
        finally:
            watch.cancel()

    def end(self) -> None:
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self.process.wait()


class Workshop:
    """A few children, each lent to one caller at a time and started when needed."""

    def __init__(self, size: int = _CHILDREN) -> None:
        self._places: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(size):
            self._places.put(None)

    def ask(
        self,
        head: dict[str, Any],
        blobs: Sequence[bytes],
        seconds: float,
        alive: Callable[[], None] = lambda: None,
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Raises `WorkshopError`, and `WorkshopBusyError` if no child gets free.

        `alive` is called now and then while one is waited for, and before it is asked.
        """
        child = self._free_place(alive)
        answer = None
        try:
            if child is None or child.process.poll() is not None:
                if child is not None:
                    child.end()
                child = None
                child = _Child()
            answer = child.ask(head, blobs, seconds)
            return answer
        finally:
            is_spent = answer is None or bool(answer[0].get("is_last"))
            if child is not None and is_spent:
                child.end()
                child = None
            self._places.put(child)

    def _free_place(self, alive: Callable[[], None]) -> _Child | None:
        end = time.monotonic() + _MOST_WAITING
        while (left := end - time.monotonic()) > 0:
            alive()
            with suppress(queue.Empty):
                return self._places.get(timeout=min(left, _SLICE))
        raise WorkshopBusyError("All readers of receipts are busy.")

    def close(self) -> None:
        """End the children that are not at work."""
        for _ in range(self._places.qsize()):
            child = self._places.get_nowait()
            if child is not None:
                child.end()
            self._places.put(None)


_workshop = Workshop()
atexit.register(_workshop.close)


def assemble(
    files: Sequence[ReceiptFile],
    *,
    stem: str,
    limit: int,
    alive: Callable[[], None] = lambda: None,
) -> Receipts:
    """As `sync.receipts.assembly.assemble`, in a child.

    If the child fails, each file is tried alone, and those that break it are left out;
    the others are tried once more, because a child may also have died by itself.
    Raises `WorkshopError` if that fails as well, `WorkshopBusyError` if nobody had time
    for it. `alive` is called before each piece of work and while one is waited for.
    """
    try:
        return _assemble(files, stem, limit, MOST_SECONDS, alive)
    except WorkshopError:
        usable, warnings = _sound(files, stem, limit, alive)
        if not usable:
            return Receipts(None, warnings)
    rest = _assemble(usable, stem, limit, MOST_SECONDS, alive)
    return Receipts(
        rest.document, (*warnings, *rest.warnings), rest.pages, excess=rest.excess
    )


def thumbnails(document: Document) -> list[bytes]:
    """As `sync.receipts.thumbnails.thumbnails`, in a child. Raises `WorkshopError`."""
    head = {"do": "thumbnails", "type": document.content_type}
    answer, blobs = _workshop.ask(head, [document.content], MOST_SECONDS)
    if answer.get("error"):
        raise WorkshopError("The document's pages cannot be drawn.")
    return blobs


def _sound(
    files: Sequence[ReceiptFile], stem: str, limit: int, alive: Callable[[], None]
) -> tuple[list[ReceiptFile], tuple[str, ...]]:
    usable, warnings = [], []
    end = time.monotonic() + _MOST_SECONDS_ALONE
    for file in files:
        if time.monotonic() > end:
            raise WorkshopError("Too many files break their reader.")
        try:
            _assemble([file], stem, limit, MOST_SECONDS_A_FILE, alive)
        except WorkshopError:
            warnings.append(left_out(file.name, _BROKEN))
        else:
            usable.append(file)
    return usable, tuple(warnings)


def _assemble(
    files: Sequence[ReceiptFile],
    stem: str,
    limit: int,
    seconds: float,
    alive: Callable[[], None] = lambda: None,
) -> Receipts:
    head = {
        "do": "assemble",
        "stem": stem,
        "limit": limit,
        "files": [[each.name, each.label, each.created_at] for each in files],
    }
    contents = [each.content for each in files]
    answer, blobs = _workshop.ask(head, contents, seconds, alive)
    try:
        document = None
        if answer["name"]:
            same = answer["same"]
            content = blobs[0] if same is None else files[same].content
            document = Document(content, answer["type"], answer["name"])
        return Receipts(
            document,
            tuple(answer["warnings"]),
            tuple(Origin(name, page) for name, page in answer["pages"]),
            answer["excess"],
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise WorkshopError("The child answered nonsense.") from error
