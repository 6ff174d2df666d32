"""Children that read receipts: one that crashes, hangs or grows costs one file."""

import itertools
import os
import signal
import time
import zlib

import pytest
from PIL import Image

from connector.api.cmic.types import Document
from sync.receipts import ReceiptFile
from sync.workshop import pool
from sync.workshop.pool import WorkshopBusyError, WorkshopError
from tests.sync.receipts import corpus

LIMIT = 10_485_760
GOOD = corpus.saved(corpus.slip(), "PNG")


def made(*contents):
    files = [ReceiptFile(f"{n}", content) for n, content in enumerate(contents, 1)]
    return pool.assemble(files, stem="PEX-1", limit=LIMIT)


@pytest.fixture
def poison(monkeypatch):
    """Children to which a file of these bytes does what real ones did to libraries."""
    ask = pool._Child.ask

    def ask_or_break(self, head, blobs, seconds):
        if b"crash" in blobs:
            os.kill(self.process.pid, signal.SIGSEGV)
        if b"hang" in blobs:
            os.kill(self.process.pid, signal.SIGSTOP)
            seconds = 0.3
        return ask(self, head, blobs, seconds)

    monkeypatch.setattr(pool._Child, "ask", ask_or_break)


def test_it_makes_what_the_rules_make():
    assert made(GOOD).document.content is GOOD
    both = made(GOOD, corpus.pdf("a", "b"))
    assert [(page.receipt, page.page) for page in both.pages] == [
        ("1", 1),
        ("2", 1),
        ("2", 2),
    ]
    assert len(pool.thumbnails(both.document)) == 3


@pytest.mark.parametrize("bad", [b"crash", b"hang"])
def test_a_file_that_breaks_its_reader_is_named_and_costs_no_other(poison, bad):
    receipts = made(bad, GOOD)
    assert receipts.document.content is GOOD
    assert receipts.warnings == (
        "Receipt 1 was left out: reading it took more time or memory than a receipt "
        "may.",
    )
    assert made(bad).document is None
    assert made(GOOD).document.content is GOOD


def test_a_child_that_died_by_itself_costs_no_receipt(monkeypatch):
    ask, asked = pool._Child.ask, []

    def ask_after_death(self, head, blobs, seconds):
        asked.append(len(blobs))
        if len(asked) == 1:
            os.kill(self.process.pid, signal.SIGKILL)
        return ask(self, head, blobs, seconds)

    monkeypatch.setattr(pool._Child, "ask", ask_after_death)
    receipts = made(GOOD, GOOD)
    assert receipts.warnings == ()
    assert len(receipts.pages) == 2
    assert asked == [2, 1, 1, 2]


def test_pages_that_cost_too_much_to_draw_cost_no_receipt(monkeypatch):
    ask = pool._Child.ask

    def ask_unless_drawing(self, head, blobs, seconds):
        if head["compares"] and len(blobs) > 1:
            os.kill(self.process.pid, signal.SIGKILL)
        return ask(self, head, blobs, seconds)

    monkeypatch.setattr(pool._Child, "ask", ask_unless_drawing)
    receipts = made(GOOD, GOOD)
    assert len(receipts.pages) == 2
    assert receipts.warnings == (
        "The document's pages could not be compared with the receipts.",
    )


def test_a_slow_machine_costs_no_receipt(monkeypatch):
    ask, times = pool._Child.ask, []

    def ask_slowly(self, head, blobs, seconds):
        times.append(seconds)
        if len(times) == 1:
            # A clock so short that the child has hardly begun by then.
            seconds = 0.01
        return ask(self, head, blobs, seconds)

    pool._workshop.close()
    monkeypatch.setattr(pool._Child, "ask", ask_slowly)
    receipts = made(GOOD, GOOD)
    assert receipts.warnings == ()
    assert len(receipts.pages) == 2
    assert len(times) == 2
    assert times[1] > 2 * times[0]


def test_a_machine_too_slow_for_any_file_says_nothing_against_them(monkeypatch):
    ask, worked = pool._Child.ask, itertools.count(step=5.0)

    def ask_slowly(self, head, blobs, seconds):
        # A new child needs ten times as long before it begins to read.
        return ask(self, head, blobs, 0.05)

    pool._workshop.close()
    monkeypatch.setattr(pool._Child, "ask", ask_slowly)
    # What the kernel counts in so short a time is now something and now nothing.
    monkeypatch.setattr(pool._Child, "_worked", lambda self: next(worked))
    with pytest.raises(WorkshopBusyError, match="slow"):
        made(GOOD)
    with pytest.raises(WorkshopBusyError, match="slow"):
        pool.thumbnails(Document(GOOD, "image/png", "x.png"))


def test_what_a_child_has_worked_is_known_from_outside():
    child = pool._Child()
    try:
        head = {"do": "thumbnails", "type": "image/png", "seconds": 30}
        answer, _ = child.ask(head, [GOOD], 60)
        assert not answer["error"]
        assert child._worked() > answer["seconds"]
        assert 0.05 < child._worked() < 60
    finally:
        child.end()


def test_a_file_that_keeps_the_processor_busy_is_named(monkeypatch):
    slow = corpus.saved(Image.new("RGB", (8000, 6000)), "TIFF", compression="packbits")
    assert made(slow).warnings == ()
    monkeypatch.setattr(pool, "MOST_SECONDS", 0.1)
    monkeypatch.setattr(pool, "MOST_SECONDS_A_FILE", 0.1)
    monkeypatch.setattr(pool, "_CLOCK", 600.0)
    receipts = made(slow, GOOD)
    (warning,) = receipts.warnings
    assert warning.startswith("Receipt 1 was left out: reading it took more time")
    assert receipts.document.content is GOOD


def test_whoever_waits_says_that_it_is_alive(monkeypatch):
    monkeypatch.setattr(pool, "_MOST_WAITING", 0.3)
    monkeypatch.setattr(pool, "_SLICE", 0.05)
    monkeypatch.setattr(pool, "_workshop", pool.Workshop(0))
    beats = []
    with pytest.raises(WorkshopBusyError):
        pool.assemble(
            [ReceiptFile("1", GOOD)],
            stem="x",
            limit=LIMIT,
            heartbeat=lambda: beats.append(1),
        )
    assert len(beats) > 3


def test_files_that_break_it_only_together_cost_the_purchase(monkeypatch):
    ask = pool._Child.ask

    def ask_one(self, head, blobs, seconds):
        if len(blobs) > 1:
            os.kill(self.process.pid, signal.SIGKILL)
        return ask(self, head, blobs, seconds)

    monkeypatch.setattr(pool._Child, "ask", ask_one)
    with pytest.raises(WorkshopError):
        made(GOOD, GOOD)


def test_a_file_that_needs_too_much_memory_is_named():
    # A PDF whose list of objects unfolds to a gigabyte.
    zeros = zlib.compressobj(1)
    packed = b"".join(zeros.compress(bytes(1 << 20)) for _ in range(1100))
    packed += zeros.flush()
    bomb = (
        b"%PDF-1.5\n1 0 obj\n<</Type/XRef/Size 3/W[1 2 1]/Root 2 0 R/Filter/FlateDecode"
        b"/Length " + str(len(packed)).encode() + b">>\nstream\n" + packed
    )
    bomb += b"\nendstream\nendobj\nstartxref\n9\n%%EOF"
    started = time.monotonic()
    receipts = made(bomb, GOOD)
    assert receipts.document.content is GOOD
    assert "Receipt 1 was left out" in receipts.warnings[0]
    assert time.monotonic() - started < pool.MOST_SECONDS


def test_a_child_knows_no_secret_and_ends_with_its_parent():
    made(GOOD)
    child = pool._workshop._places.get()
    pool._workshop._places.put(child)
    with open(f"/proc/{child.process.pid}/environ") as environment:
        assert "SECRET" not in environment.read()
    child.process.stdin.close()
    assert child.process.wait(timeout=10) == 0
    assert made(GOOD).document.content is GOOD


def test_a_document_that_cannot_be_drawn_says_so():
    broken = made(GOOD).document.__class__(b"x", "application/pdf", "x.pdf")
    with pytest.raises(WorkshopError, match="cannot be drawn"):
        pool.thumbnails(broken)


def test_a_busy_workshop_says_nothing_against_the_files(monkeypatch):
    monkeypatch.setattr(pool, "_MOST_WAITING", 0.1)
    monkeypatch.setattr(pool, "_workshop", pool.Workshop(0))
    with pytest.raises(WorkshopBusyError):
        made(GOOD)
