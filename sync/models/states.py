"""The states of a purchase and the moves between them, as data.

A move that the table lacks raises; the verbs that make them are in `purchase`.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.rules.reasons import Verdict


class Status(models.TextChoices):
    """What is known of the outside world."""

    PENDING = "pending", _("pending")
    SKIPPED = "skipped", _("skipped")
    BLOCKED = "blocked", _("blocked")
    POSTING = "posting", _("posting")
    POSTED = "posted", _("posted")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")


# What judging gives is judged again with fresh data in every run.
JUDGEABLE = tuple(Status(each) for each in Verdict)
# Somebody has work to do on them.
UNFINISHED = (Status.PENDING, Status.POSTING, Status.POSTED)

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset(
        {
            Status.PENDING,
            Status.SKIPPED,
            Status.BLOCKED,
            Status.POSTING,
            Status.POSTED,
            Status.COMPLETED,
            # CMiC has the number already, with another amount, or does not say.
            Status.FAILED,
        }
    ),
    Status.SKIPPED: frozenset(
        {*JUDGEABLE, Status.POSTED, Status.COMPLETED},
    ),
    Status.BLOCKED: frozenset(
        {*JUDGEABLE, Status.POSTED, Status.COMPLETED},
    ),
    Status.POSTING: frozenset(
        {
            Status.POSTING,
            Status.POSTED,
            Status.PENDING,
            Status.FAILED,
            Status.COMPLETED,
        }
    ),
    Status.POSTED: frozenset({Status.POSTED, Status.COMPLETED}),
    Status.COMPLETED: frozenset({Status.COMPLETED, Status.PENDING}),
    Status.FAILED: frozenset(
        {Status.FAILED, Status.PENDING, Status.POSTED, Status.COMPLETED}
    ),
}


class ForbiddenMoveError(AssertionError):
    """The table of moves has no such move: a mistake in the program."""


def check_move(before: str, after: str) -> None:
    """Raises `ForbiddenMoveError` for a move that the table lacks."""
    if Status(after) not in TRANSITIONS[Status(before)]:
        raise ForbiddenMoveError(f"A purchase cannot go from {before} to {after}.")
