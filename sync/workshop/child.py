"""The program of a child: reads work from standard input, answers on standard output.

Its memory and processor time are bounded by the kernel. It ends with its parent, and by
itself after a number of answers or once it has grown large.
"""

from __future__ import annotations

import logging
import math
import os
import resource
import signal
import sys
import time
import warnings
from typing import Any

from connector.api.cmic.types import Document
from sync.receipts import ReceiptFile
from sync.receipts.assembly import assemble
from sync.receipts.rendering import thumbnails
from sync.workshop.frames import FrameError, read_frame, write_frame

MOST_MEMORY = 1024 * 1024 * 1024  # of addresses, libraries included
_MOST_ANSWERS = 500
_LARGE = 250 * 1024 * 1024

Answer = tuple[dict[str, Any], list[bytes]]


def main() -> int:
    source = sys.stdin.buffer
    # Whatever a library prints must not end up between the answers.
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # What libraries say while they read is heard where it is read
    # (`sync.receipts.remarks`); what they say besides is nobody's.
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # It writes no file at all.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    for number in range(1, _MOST_ANSWERS + 1):
        try:
            head, blobs = read_frame(source)
        except FrameError:
            return 0
        before = time.process_time()
        _bound_processor_time(head["seconds"])
        answer, found = _do(head, blobs)
        answer["seconds"] = time.process_time() - before
        is_last = _resident() > _LARGE or number == _MOST_ANSWERS
        write_frame(target, {**answer, "is_last": is_last}, found)
    return 0


def _resident() -> int:
    """Bytes held now: the kernel's peak begins with that of the parent."""
    try:
        with open("/proc/self/statm") as figures:
            return int(figures.read().split()[1]) * resource.getpagesize()
    except OSError:
        # Not Linux: the number of answers alone ends the child.
        return 0


def _bound_processor_time(seconds: float) -> None:
    """Die after so many seconds of work: by a timer that is exact, and, should it be
    ignored, by the kernel's limit, which counts in whole ones."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    used = math.ceil(time.process_time() + seconds)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (used, hard))


def _do(head: dict[str, Any], blobs: list[bytes]) -> Answer:
    if head["do"] == "assemble":
        return _assembled(head, blobs)
    try:
        return {"error": False}, list(
            thumbnails(Document(blobs[0], head["type"], "document"))
        )
    except Exception:
        # The document may be anything; the page then says that it cannot be drawn.
        return {"error": True}, []


def _assembled(head: dict[str, Any], blobs: list[bytes]) -> Answer:
    files = [
        ReceiptFile(name, content, label, created_at)
        for (name, label, created_at), content in zip(head["files"], blobs, strict=True)
    ]
    made = assemble(
        files, stem=head["stem"], limit=head["limit"], compares=head["compares"]
    )
    document = made.document
    # What is sent as it came need not go back through the pipe.
    same = next(
        (
            number
            for number, content in enumerate(blobs)
            if document is not None and document.content is content
        ),
        None,
    )
    answer = {
        "name": document.file_name if document else "",
        "type": document.content_type if document else "",
        "same": same,
        "warnings": made.warnings,
        "pages": [[origin.receipt, origin.page] for origin in made.pages],
        "excess": made.excess,
    }
    is_new = document is not None and same is None
    return answer, [document.content] if document is not None and is_new else []


if __name__ == "__main__":
    sys.exit(main())
