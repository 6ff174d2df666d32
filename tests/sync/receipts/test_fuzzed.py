"""A short form of `make fuzz`: mutated receipts harm nobody, joined ones look alike."""

from sync.workshop import pool
from tests.sync.receipts.fuzz import join, run


def test_mutated_receipts_neither_crash_nor_hang_nor_bloat_their_reader():
    seen = run(400, seed=2)
    assert seen.broken == []
    assert seen.count >= 400
    assert len(seen.outcomes) == 2
    assert seen.slowest < pool.MOST_SECONDS
    assert seen.most_memory < 300


def test_receipts_that_are_joined_by_chance_look_as_they_did_alone():
    assert join(40, seed=3) == []
