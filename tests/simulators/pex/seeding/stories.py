"""How many of the seeded transactions are unusual, and in which way."""

from __future__ import annotations

SHARES = {
    "untagged": 0.08,
    "partly_tagged": 0.06,
    "wrong": 0.05,
    "split": 0.08,
    "refund": 0.05,
    "fee": 0.04,
    "pending": 0.05,
    "declined": 0.04,
    "marked": 0.06,
}
WRONG = ("unknown_job", "closed_job", "wrong_phase", "deleted_tag")


def stories_of(count: int) -> list[str]:
    stories: list[str] = []
    for story, share in SHARES.items():
        number = round(count * share)
        if story == "wrong":
            stories += [WRONG[n % len(WRONG)] for n in range(number)]
        elif story == "fee":
            stories += ["rebate" if n % 3 == 2 else "fee" for n in range(number)]
        else:
            stories += [story] * number
    if count >= 20:
        stories[stories.index("split")] = "split_mismatch"
        stories += ["zero", *["dispute"] * min(2, count // 50)]
    return stories + ["tagged"] * (count - len(stories))
