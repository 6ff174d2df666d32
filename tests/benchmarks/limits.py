"""How much of the tighter limit a long run uses, and whether anybody says 429."""

from __future__ import annotations

from tests.benchmarks.stage import (
    fresh_tenant,
    run_to_end,
    sandbox,
    sending_seconds,
    worker,
)

PEX_PER_MINUTE = 600
CMIC_PER_SECOND = 15


def limit_use(count: int = 1_800) -> dict:
    """PEX at 600 a minute is tighter than CMiC at 15 a second: a note a purchase.

    The share is taken after the first minute, whose calls may all come at once, up to
    the last note, so that it cannot be more than 1.
    """
    with sandbox() as stage:
        tenant = fresh_tenant(stage)
        stage.add_purchases(count)
        stage.delay_answers(0.02)
        stage.clear_calls()
        with worker(
            16,
            PEX_CALLS_PER_MINUTE=str(PEX_PER_MINUTE),
            CMIC_CALLS_PER_SECOND=str(CMIC_PER_SECOND),
            CMIC_CALLS_IN_FLIGHT="5",
        ):
            run = run_to_end(tenant)
        calls, at_pex = stage.calls(), stage.pex_calls()
    moments = sorted(call["started"] for call in at_pex)
    after_burst = moments[PEX_PER_MINUTE:]
    share = len(after_burst) / (after_burst[-1] - moments[0] - 60) * 60 / PEX_PER_MINUTE
    return {
        "purchases": count,
        "seconds": round(sending_seconds(run), 1),
        "of_tighter_limit": round(share, 3),
        "answers_429": sum(call["status"] == 429 for call in calls),
        "most_in_a_minute": _most_within(moments, 60),
    }


def _most_within(moments: list[float], seconds: float) -> int:
    first = most = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
