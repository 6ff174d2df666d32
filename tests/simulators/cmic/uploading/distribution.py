"""Whether the codes of a detail line may take a posting.

The sentences name the field as CMiC's screens label it.
"""

from __future__ import annotations

from tests.simulators.cmic.books import Line
from tests.simulators.cmic.errors import RefusalError
from tests.simulators.contractor import CLOSED, Contractor


def check_codes(codes: Contractor, line: Line) -> None:
    """Raises RefusalError unless every code exists, is active and goes together."""
    if all(company.code != line.company for company in codes.companies):
        raise RefusalError(f"Company code {line.company} is not valid.")
    check = {"J": _check_job_line, "G": _check_ledger_line, "E": _check_equipment_line}
    if line.type_code not in check:
        raise RefusalError(f"Type Code {line.type_code} is not valid.")
    check[line.type_code](codes, line)


def check_job(codes: Contractor, company: str, code: str) -> None:
    jobs = [job for job in codes.jobs if (job.company, job.code) == (company, code)]
    if not jobs:
        raise RefusalError(f"Job Code {code} is not valid for company {company}.")
    if jobs[0].status_code == CLOSED:
        raise RefusalError(f"Job Code {code} is closed.")


def _check_job_line(codes: Contractor, line: Line) -> None:
    check_job(codes, line.company, line.first)
    job = (line.company, line.first)
    phases = [
        row
        for row in codes.phases
        if (row.company, row.job) == job and row.code == line.second
    ]
    if not phases:
        raise RefusalError(
            f"Cost Code Code {line.second} is not valid for job {line.first}."
        )
    categories = [
        row
        for row in codes.categories
        if (row.company, row.job, row.phase) == (*job, line.second)
        and row.code == line.third
    ]
    if not categories:
        raise RefusalError(
            f"Category Code {line.third or ''} is not valid for job {line.first}, "
            f"cost code {line.second}."
        )
    if not phases[0].active or not categories[0].phase_active:
        raise RefusalError(f"Cost Code Code {line.second} is inactive.")
    if not categories[0].active:
        raise RefusalError(f"Category Code {line.third} is inactive.")


def _check_ledger_line(codes: Contractor, line: Line) -> None:
    if not any(
        (row.company, row.code, row.active) == (line.company, line.first, True)
        for row in codes.departments
    ):
        raise RefusalError(
            f"Department Code {line.first} is not valid for company {line.company}."
        )
    if not any((row.code, row.active) == (line.second, True) for row in codes.accounts):
        raise RefusalError(f"Account Code {line.second} is not valid.")
    if line.third:
        raise RefusalError("Category Code must be empty on a line of type G.")


def _check_equipment_line(codes: Contractor, line: Line) -> None:
    if not any(
        (row.company, row.code, row.active) == (line.company, line.first, True)
        for row in codes.equipment
    ):
        raise RefusalError(
            f"Equipment Code {line.first} is not valid for company {line.company}."
        )
    wanted = (line.company, line.first, line.second, line.third)
    if all(
        (row.company, row.equipment, row.component, row.code) != wanted
        for row in codes.transaction_codes
    ):
        raise RefusalError(
            f"Category {line.second} with Tran Code {line.third or ''} "
            f"is not valid for equipment {line.first}."
        )
