"""A short form of `make fuzz`: mutated receipts harm nobody."""

from sync.workshop import pool
from tests.sync.receipts.fuzz import run


def test_mutated_receipts_neither_crash_nor_hang_nor_bloat_their_reader():
    seen = run(400, seed=2)
    assert seen.broken == []
    assert seen.count >= 400
    assert len(seen.outcomes) == 2
    assert seen.slowest < pool.MOST_SECONDS
    assert seen.most_memory < 300
