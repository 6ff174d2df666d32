"""What goes over the pipes between a worker and its children: a JSON object and blobs.

No pickles: bytes of others may have taken a child over, and its answer must not be able
to do the same to the worker.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

_LENGTH = struct.Struct(">I")
_MOST_HEAD = 4 * 1024 * 1024
_MOST_BLOBS = 128 * 1024 * 1024


class FrameError(Exception):
    """The pipe ended, or what came is no frame."""


def write_frame(pipe: Any, head: dict[str, Any], blobs: Sequence[bytes]) -> None:
    """Raises `OSError` if nobody reads."""
    sizes = [len(blob) for blob in blobs]
    text = json.dumps({**head, "sizes": sizes}).encode()
    pipe.write(_LENGTH.pack(len(text)) + text)
    for blob in blobs:
        pipe.write(blob)
    pipe.flush()


def read_frame(pipe: Any) -> tuple[dict[str, Any], list[bytes]]:
    """Raises `FrameError`."""
    length = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))[0]
    if length > _MOST_HEAD:
        raise FrameError("the head is too long")
    try:
        head = json.loads(_exactly(pipe, length))
        sizes = [int(size) for size in head["sizes"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FrameError("the head is no JSON object") from error
    if sum(sizes) > _MOST_BLOBS or any(size < 0 for size in sizes):
        raise FrameError("the blobs are too large")
    return head, [_exactly(pipe, size) for size in sizes]


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    content = pipe.read(size)
    if len(content) < size:
        raise FrameError("the pipe ended")
    return content
