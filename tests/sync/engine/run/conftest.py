"""Open jobs to choose from."""

from __future__ import annotations

import pytest

from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client


@pytest.fixture
def jobs(tenant, cmic):
    """Codes of open jobs of company 001, which are read already."""
    refresh_all(tenant, cmic_client(tenant))
    jobs = [job for job in cmic.books.contractor.jobs if job.company == "001"]
    return [job.code for job in jobs if job.status_code != "C"]
