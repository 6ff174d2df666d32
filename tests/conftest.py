"""Fixtures: the simulators on sockets, tenants, and what every test may rely on."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection
from requests.adapters import HTTPAdapter

from tests.factories import make_tenant
from tests.simulators.cmic import CmicSimulator
from tests.simulators.pex import PexSimulator


def find_chromium() -> str | None:
    """`CHROMIUM`, or one on the path."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = (shutil.which(name) for name in names)
    return os.environ.get("CHROMIUM") or next(filter(None, found), None)


def pytest_collection_modifyitems(config, items):
    """Browser tests are for machines with a Chromium; CI must have one."""
    if find_chromium() or os.environ.get("REQUIRE_BROWSER") == "1":
        return
    browser = [item for item in items if item.get_closest_marker("browser")]
    config.hook.pytest_deselected(items=browser)
    items[:] = [item for item in items if item not in browser]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """A server of the tests' own need not survive a power cut: no waiting for disks."""
    if settings.IS_EMBEDDED:
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                cursor.execute(f"ALTER SYSTEM SET {name} = off")
            cursor.execute("SELECT pg_reload_conf()")


@pytest.fixture
def pex():
    """An empty PEX: cardholders and tags, no transactions yet."""
    simulator = PexSimulator.empty()
    with simulator.serve() as server:
        simulator.url = server.url
        yield simulator


@pytest.fixture
def cmic():
    """A CMiC of one building contractor, without invoices."""
    simulator = CmicSimulator()
    with simulator.serve() as server:
        simulator.url = server.base_url
        yield simulator


@pytest.fixture
def tenant(db, pex, cmic):
    return make_tenant(pex.url, cmic.url)


@pytest.fixture
def no_http_inside_transactions(monkeypatch, transactional_db):
    """Fails a test in which anything is called while a transaction is open."""
    send = HTTPAdapter.send

    def send_outside(self, request, **options):
        assert not connection.in_atomic_block, f"{request.url} inside a transaction"
        return send(self, request, **options)

    submit = ThreadPoolExecutor.submit

    def submit_outside(self, call, *args, **options):
        # A thread has no transaction of its own: it is the submitter's that counts.
        assert not connection.in_atomic_block, "threads inside a transaction"
        return submit(self, call, *args, **options)

    monkeypatch.setattr(HTTPAdapter, "send", send_outside)
    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit_outside)
