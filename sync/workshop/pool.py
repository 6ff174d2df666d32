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

from connector.api.cmic.types import Document
from sync.receipts import Origin, ReceiptFile, Receipts, left_out
from sync.workshop.frames import FrameError, read_frame, write_frame

# Seconds of the processor for one piece of work; the kernel ends who needs more.
MOST_SECONDS = 25.0
MOST_SECONDS_A_FILE = 20.0
# For trying files one by one.
_MOST_SECONDS_ALONE = 90.0
# Seconds by the clock for each of these: at first, and once more, because a machine may
# be slow. The longest piece must end before the purchase's lease does.
_CLOCK, _LONG_CLOCK = 1.5, 4.0
# Who has worked less than this in the longer time was not slow: it hung.
_LEAST_WORK = 1.0
# Seconds to wait for a child that is at work for another purchase.
_MOST_WAITING = 90.0
_SLICE = 5.0
_CHILDREN = max(1, min(2, os.cpu_count() or 1))
_ROOT = Path(__file__).resolve().parents[2]
_BROKEN = "reading it took more time or memory than a receipt may."


class WorkshopError(Exception):
    """The work was not done: the child died, hung or answered nonsense.

    `seconds` of the processor are gone.
    """

    def __init__(self, message: str, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.seconds = seconds


class WorkshopBusyError(Exception):
    """No child got free, or none got on: this says nothing about the files."""


class _LateError(Exception):
    """The clock ended a child, which had worked for `seconds` by then."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"after {seconds:g} seconds of the processor")
        self.seconds = seconds


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
        """Raises `WorkshopError`, and `_LateError` after so many `seconds` by the
        clock; the child is of no use then."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise WorkshopError("The child has no pipes.")
        before = self._worked()
        late: list[float] = []

        def stop() -> None:
            late.append(self._worked() - before)
            self.process.kill()

        watch = threading.Timer(seconds, stop)
        watch.start()
        try:
            write_frame(stdin, head, blobs)
            answer, found = read_frame(stdout)
        except (OSError, FrameError) as error:
            if late:
                raise _LateError(late[0]) from error
            worked = self._worked() - before
            raise WorkshopError("The child did not answer.", worked) from error
        finally:
            watch.cancel()
        return {**answer, "is_last": answer.get("is_last") or bool(late)}, found

    def _worked(self) -> float:
        """Seconds of the processor since it began; 0 where the kernel does not tell."""
        try:
            with open(f"/proc/{self.process.pid}/stat") as figures:
                fields = figures.read().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

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
        heartbeat: Callable[[], None] = lambda: None,
        *,
        is_patient: bool = True,
    ) -> tuple[dict[str, Any], list[bytes]]:
        """The answer to a piece of work, of at most so many `seconds` of the processor.

        Who is late by the clock may only be slow, so a patient caller's work is begun
        once more with a longer time. Raises `WorkshopError`, and `WorkshopBusyError` if
        no child gets free or gets on. `heartbeat` is called now and then while one is
        waited for, and before it is asked.
        """
        head = {**head, "seconds": seconds}
        try:
            return self._ask(head, blobs, seconds * _CLOCK, heartbeat)
        except _LateError as error:
            if not is_patient:
                raise WorkshopBusyError("The readers of receipts are slow.") from error
        try:
            return self._ask(head, blobs, seconds * _LONG_CLOCK, heartbeat)
        except _LateError as error:
            if error.seconds < _LEAST_WORK:
                raise WorkshopError("The child hung.", seconds) from error
            raise WorkshopBusyError("The readers of receipts are slow.") from error

    def _ask(
        self,
        head: dict[str, Any],
        blobs: Sequence[bytes],
        seconds: float,
        heartbeat: Callable[[], None],
    ) -> tuple[dict[str, Any], list[bytes]]:
        child = self._free_place(heartbeat)
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

    def _free_place(self, heartbeat: Callable[[], None]) -> _Child | None:
        end = time.monotonic() + _MOST_WAITING
        while (left := end - time.monotonic()) > 0:
            heartbeat()
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
    heartbeat: Callable[[], None] = lambda: None,
) -> Receipts:
    """As `sync.receipts.assembly.assemble`, in a child.

    If the child fails, each file is tried alone, and those that break it are left out;
    the others are tried once more, because a child may also have died by itself, and
    at last without comparing what was made with what came.
    Raises `WorkshopError` if that fails as well, `WorkshopBusyError` if nobody had time
    for it or the machine is too slow just now. `heartbeat` is called before each piece
    of work and while one is waited for.
    """
    try:
        return _assemble(files, stem, limit, MOST_SECONDS, heartbeat)
    except WorkshopError:
        usable, warnings = _sound(files, stem, limit, heartbeat)
        if not usable:
            return Receipts(None, warnings)
    try:
        rest = _assemble(usable, stem, limit, MOST_SECONDS, heartbeat)
    except WorkshopError:
        # Drawing pages costs more than joining them.
        rest = _assemble(usable, stem, limit, MOST_SECONDS, heartbeat, compares=False)
    return Receipts(
        rest.document, (*warnings, *rest.warnings), rest.pages, excess=rest.excess
    )


def thumbnails(document: Document) -> list[bytes]:
    """As `sync.receipts.rendering.thumbnails`, in a child.

    A person waits for it: it is tried once. Raises `WorkshopError` and
    `WorkshopBusyError`.
    """
    head = {"do": "thumbnails", "type": document.content_type}
    answer, blobs = _workshop.ask(
        head, [document.content], MOST_SECONDS, is_patient=False
    )
    if answer.get("error"):
        raise WorkshopError("The document's pages cannot be drawn.")
    return blobs


def _sound(
    files: Sequence[ReceiptFile], stem: str, limit: int, heartbeat: Callable[[], None]
) -> tuple[list[ReceiptFile], tuple[str, ...]]:
    usable, warnings, spent = [], [], 0.0
    for file in files:
        if spent > _MOST_SECONDS_ALONE:
            raise WorkshopError("The files need too much time one by one.", spent)
        try:
            _, seconds = _worked_on(
                [file], stem, limit, MOST_SECONDS_A_FILE, heartbeat, compares=False
            )
        except WorkshopError as error:
            seconds = error.seconds
            warnings.append(left_out(file.name, _BROKEN))
        else:
            usable.append(file)
        spent += seconds
    return usable, tuple(warnings)


def _assemble(
    files: Sequence[ReceiptFile],
    stem: str,
    limit: int,
    seconds: float,
    heartbeat: Callable[[], None] = lambda: None,
    *,
    compares: bool = True,
) -> Receipts:
    return _worked_on(files, stem, limit, seconds, heartbeat, compares=compares)[0]


def _worked_on(
    files: Sequence[ReceiptFile],
    stem: str,
    limit: int,
    seconds: float,
    heartbeat: Callable[[], None],
    *,
    compares: bool,
) -> tuple[Receipts, float]:
    """And the seconds of the processor that went into it."""
    head = {
        "do": "assemble",
        "stem": stem,
        "limit": limit,
        "compares": compares,
        "files": [[each.name, each.label, each.created_at] for each in files],
    }
    contents = [each.content for each in files]
    answer, blobs = _workshop.ask(head, contents, seconds, heartbeat)
    try:
        document = None
        if answer["name"]:
            same = answer["same"]
            content = blobs[0] if same is None else files[same].content
            document = Document(content, answer["type"], answer["name"])
        receipts = Receipts(
            document,
            tuple(answer["warnings"]),
            tuple(Origin(name, page) for name, page in answer["pages"]),
            answer["excess"],
        )
        return receipts, float(answer["seconds"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise WorkshopError("The child answered nonsense.") from error
