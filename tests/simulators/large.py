"""A contractor as large as one wants: many jobs, with their phases and categories.

Adds to the believable one of `contractor`, whose own codes stay as they are.
"""

from __future__ import annotations

from tests.simulators.contractor import (
    CATEGORIES,
    IN_PROGRESS,
    PHASES,
    Category,
    Contractor,
    Job,
    Phase,
)

COMPANY, DEPARTMENT = "001", "10"
LARGEST_PLAN = len(PHASES) * len(CATEGORIES)


def add_jobs(contractor: Contractor, jobs: int, categories: int) -> None:
    """Add jobs, and rows of job, phase and category dealt out evenly among them.

    Raises ValueError if they are more than the jobs can have.
    """
    if categories > jobs * LARGEST_PLAN:
        raise ValueError(f"{jobs} jobs have at most {jobs * LARGEST_PLAN} categories")
    for number in range(jobs):
        code = f"X{number:06d}"
        contractor.jobs.append(
            Job(COMPANY, code, f"Large job {number}", IN_PROGRESS, DEPARTMENT)
        )
        _add_plan(
            contractor,
            code,
            (number + 1) * categories // jobs - number * categories // jobs,
        )


def _add_plan(contractor: Contractor, job: str, rows: int) -> None:
    phases = list(PHASES.items())[: -(-rows // len(CATEGORIES))]
    for phase, name in phases:
        contractor.phases.append(Phase(COMPANY, job, phase, name))
    places = [
        (phase, code, name) for phase, _ in phases for code, name in CATEGORIES.items()
    ]
    contractor.categories += [Category(COMPANY, job, *place) for place in places[:rows]]
