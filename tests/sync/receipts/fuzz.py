"""Receipts that hypothesis mutates, thrown at their reader: no crash, hang or growth.
And whole ones joined by chance, of which each page has to look as it did alone.

`python -m tests.sync.receipts.fuzz 20000` prints what it saw; a short form is in the
tests. What breaks a child, or takes longer than the bound, is kept in the folder given.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
import psutil
from hypothesis import strategies as st
from PIL import Image

from sync.receipts import ReceiptFile
from sync.receipts.assembly import assemble
from sync.workshop import pool
from sync.workshop.pool import Workshop, WorkshopError
from tests.sync.receipts import corpus
from tests.sync.receipts.readers import are_alike, in_pdfium
from tests.sync.receipts.specimens import papers, rare

LIMIT, _AMPLE = 200_000, 10_485_760
# One document for so many mutants.
_JOINED = 20
_WORDS = (
    *(b"/JS", b"/Count 99999999", b"/Length 1", b"%%EOF", b"endobj", b"<<" * 200),
    *(b"[" * 500, b"\xff\xd9", b"\xff\xda", b"IDAT", b"ftypheic", b"\x00\x00\x00\x00"),
)


@dataclass
class Seen:
    """What a run met. `broken` are files that cost their child."""

    outcomes: Counter[str] = field(default_factory=Counter)
    broken: list[bytes] = field(default_factory=list)
    slowest: float = 0.0
    most_memory: float = 0.0

    @property
    def count(self) -> int:
        return sum(self.outcomes.values())


def sources() -> list[bytes]:
    makers = [
        *corpus.GOOD.values(),
        *corpus.BAD.values(),
        *papers.PAPERS.values(),
        *rare.RARE.values(),
        *rare.TORN.values(),
    ]
    return [*(make() for make, _ in makers), corpus.active_pdf()]


def join(count: int, seed: int = 1) -> list[str]:
    """So many documents of two to four receipts, and which of them show a page that is
    another one than its receipt shows alone."""
    pictures = {**corpus.GOOD, **rare.RARE, **rare.TORN}
    makers = {**papers.PAPERS, **pictures}
    contents = {name: make() for name, (make, _) in makers.items()}
    alone = {name: in_pdfium(contents[name]) for name in papers.PAPERS}
    # A picture is a page only beside another one.
    plain = contents["plain"]
    alone |= {
        name: _shown(contents[name], plain)[:-1]
        for name in pictures
        if name not in papers.PAPERS and name != "pdf"
    }
    chance, wrong = random.Random(seed), []
    for _ in range(count):
        names = chance.choices(sorted(alone), k=chance.choice((2, 2, 3, 4)))
        meant = [page for name in names for page in alone[name]]
        shown = _shown(*(contents[name] for name in names))
        if len(shown) != len(meant) or not are_alike(shown, meant):
            wrong.append(" + ".join(names))
    return wrong


def _shown(*contents: bytes) -> list[Image.Image]:
    files = [ReceiptFile(str(n), each) for n, each in enumerate(contents, 1)]
    made = assemble(files, stem="PEX-1", limit=_AMPLE)
    assert made.document is not None, made.warnings
    return in_pdfium(made.document.content)


def mutate(content: bytes, chance: random.Random, other: bytes) -> bytes:
    """A few changes of those that damage and attackers make."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(data) + 1)
        act = chance.randrange(7)
        if act == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif act == 1 and data:
            data[at % len(data)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif act == 2:
            del data[at : at + chance.choice((1, 2, 4, 100, 5000))]
        elif act == 3:
            data[at:at] = chance.choice(_WORDS)
        elif act == 4:
            data[at : at + 4] = chance.randrange(1 << 32).to_bytes(4, "big")
        elif act == 5:
            data[at:at] = data[at : at + chance.randrange(1, 3000)]
        else:
            start = chance.randrange(len(other) + 1)
            data[at : at + 200] = other[start : start + 200]
    return bytes(data)


def run(count: int, seed: int = 1) -> Seen:
    """Each mutant alone or beside a good file, as a purchase's receipts."""
    seen, files = Seen(), sources()
    bench, good = Workshop(1), corpus.saved(corpus.slip(), "JPEG")
    pool._workshop, before = bench, pool._workshop

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.randoms(use_true_random=True), st.booleans())
    def throw(chance: random.Random, is_alone: bool) -> None:
        mutant = mutate(chance.choice(files), chance, chance.choice(files))
        _try([mutant] if is_alone else [mutant, good], seen)
        if seen.count % 50 == 0:
            seen.most_memory = max(seen.most_memory, _memory(bench))

    try:
        throw()
    finally:
        pool._workshop = before
        bench.close()
    return seen


def _try(contents: list[bytes], seen: Seen) -> None:
    files = [ReceiptFile(str(n), each) for n, each in enumerate(contents, 1)]
    started = time.perf_counter()
    try:
        made = pool._assemble(files, "PEX-1", LIMIT, pool.MOST_SECONDS)
    except WorkshopError:
        seen.outcomes["cost its child"] += 1
        seen.broken.append(contents[0])
    else:
        is_used = made.document is not None and not made.warnings
        seen.outcomes["used" if is_used else "warned about or left out"] += 1
        if len(contents) > 1:
            assert made.document is not None or made.excess, made
        if made.document is not None:
            assert len(made.document.content) <= LIMIT
    seen.slowest = max(seen.slowest, time.perf_counter() - started)


def _memory(bench: Workshop) -> float:
    child = bench._places.get()
    bench._places.put(child)
    if child is None:
        return 0.0
    return float(psutil.Process(child.process.pid).memory_info().rss) / 1e6


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    started = time.perf_counter()
    seen = run(count)
    sys.stdout.write(
        f"{seen.count:,} files in {time.perf_counter() - started:.0f} s: "
        f"{dict(seen.outcomes)}; slowest {seen.slowest:.2f} s; "
        f"child at most {seen.most_memory:.0f} MB\n"
    )
    started = time.perf_counter()
    wrong = join(count // _JOINED)
    sys.stdout.write(
        f"{count // _JOINED:,} documents joined in {time.perf_counter() - started:.0f} "
        f"s, {len(wrong)} with a page that looks different\n"
        + "".join(f"  {names}\n" for names in wrong)
    )
    if len(sys.argv) > 2:
        folder = Path(sys.argv[2])
        folder.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(seen.broken):
            (folder / str(number)).write_bytes(content)
    return 1 if seen.broken or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
