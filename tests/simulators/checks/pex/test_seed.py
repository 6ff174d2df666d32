"""The purchases that a seeded PEX simulator begins with.

How rows like these are listed is left to the other modules.
"""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.simulators.checks.pex_caller import (
    CATEGORY,
    COUNT,
    DAYS,
    JOB,
    NOW,
    PHASE,
    PURCHASES,
    PexCaller,
)
from tests.simulators.contractor import build_contractor
from tests.simulators.pex import PexSimulator


@pytest.fixture(scope="module")
def seeded():
    return PexSimulator(now=NOW)


def stories(pex):
    return Counter(row.story for row in pex.transactions())


def test_the_seeded_books_hold_every_story_in_its_share(seeded):
    assert len(seeded.transactions()) == 200
    assert stories(seeded) == {
        "tagged": 95,
        "untagged": 16,
        "partly_tagged": 12,
        "unknown_job": 3,
        "closed_job": 3,
        "wrong_phase": 2,
        "deleted_tag": 2,
        "split": 15,
        "split_mismatch": 1,
        "refund": 10,
        "dispute": 2,
        "fee": 6,
        "rebate": 2,
        "pending": 10,
        "declined": 8,
        "zero": 1,
        "marked": 12,
    }
    assert stories(PexSimulator(purchases=1000, now=NOW))["untagged"] == 80
    assert len(PexSimulator(purchases=7).transactions()) == 7


def test_the_same_seed_gives_the_same_books_and_another_others():
    states = [
        PexSimulator(seed, 40, now=NOW).state()["transactions"] for seed in (1, 1, 2)
    ]
    assert states[0] == states[1] != states[2]


def test_seeded_rows_lie_in_the_last_seventy_days(seeded):
    for row in seeded.transactions():
        assert NOW - timedelta(days=71) < row.held_at <= row.moment <= NOW
        assert row.amount.as_tuple().exponent >= -2
    spent = [abs(row.amount) for row in seeded.transactions() if row.story == "tagged"]
    assert min(spent) >= Decimal("3.50")
    assert max(spent) <= Decimal("2400.00")


def test_tagged_purchases_carry_codes_that_belong_together(seeded):
    contractor = build_contractor(1)
    known = {
        (one.job, one.phase, one.code)
        for one in contractor.categories
        if one.company == "001" and one.active and one.phase_active
    }
    phases = {(one.job, one.phase) for one in contractor.categories}
    jobs = {job.code: job.status_code for job in contractor.jobs}
    for row in seeded.state()["transactions"]:
        tags = row["tags"] or {}
        coding = tuple(tags.get(name) for name in (JOB, PHASE, CATEGORY))
        if row["story"] == "tagged":
            assert coding in known
            assert jobs[coding[0]] != "C"
        elif row["story"] == "unknown_job":
            assert coding[0] not in jobs
        elif row["story"] == "closed_job":
            assert jobs[coding[0]] == "C"
        elif row["story"] == "wrong_phase":
            assert coding[:2] not in phases
        elif row["story"] == "deleted_tag":
            assert PHASE not in tags


def test_splits_add_up_except_the_one_that_does_not(seeded):
    for row in seeded.state()["transactions"]:
        if row["splits"]:
            total = sum(Decimal(line["amount"]) for line in row["splits"])
            assert (total == -row["amount"]) == (row["story"] == "split")


def test_the_seeded_rows_have_the_odd_things_that_real_ones_have(seeded):
    rows = seeded.transactions()
    approvals = Counter(row.approval for row in rows)
    assert 0.5 < approvals["Approved"] / 200 < 0.7
    assert set(approvals) == {
        "Approved",
        "NotReviewed",
        "Not Reviewed",
        "Rejected",
        "NoReceipt",
        None,
    }
    assert any(row.merchant and len(row.merchant.name) > 30 for row in rows)
    assert any(row.merchant and row.merchant.mcc.startswith("0") for row in rows)
    assert len({row.cardholder for row in rows}) == 12
    marks = {note.text for row in rows for note in row.notes if note.is_marker}
    assert "synced with cmic by old connector" in marks
    assert {row.has_null_notes for row in rows if not row.notes} == {True, False}
    statuses = Counter(one.status for row in rows for one in row.attachments)
    assert set(statuses) == {"Loaded", "HasMalware", "NotLoaded", "LoadFailed"}
    counts = Counter(len(row.attachments) for row in rows)
    assert 0.5 < counts[1] / 200 < 0.7
    assert counts[3]


def test_every_seeded_row_can_be_listed_and_read(seeded):
    with seeded.serve() as server:
        caller = PexCaller(server.url)
        with caller.session:
            rows = caller.listed(IncludePendings=True, IncludeDeclines=True)
            assert len(rows) == 200
            assert caller.get(COUNT, **DAYS) == 182
            page = caller.get(PURCHASES, PageSize=1000)
            assert page["Pagination"]["TotalCount"] == 184
            for row in rows[:20]:
                caller.get(f"V4/Transactions/{row['TransactionId']}/Tags")
