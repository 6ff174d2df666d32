"""Fixtures: the simulators on sockets, tenants, and what every test may rely on."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush
from django.db import connection, connections
from requests.adapters import HTTPAdapter

from config import embedded
from tests.simulators.cmic import CmicSimulator
from tests.simulators.pex import PexSimulator
from tests.support.browser import find_chromium
from tests.support.factories import make_tenant
from tests.sync.receipts.readers import find_poppler

# The folders whose tests take seconds each, longest first.
_LONG = ("tests/e2e/", "tests/crash/", "tests/sync/engine/run/")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Browser tests are for machines with a Chromium, some of receipts for those with
    poppler; CI must have both.

    Long tests begin first, so that none is left when the other processes are done.
    """
    items.sort(key=_place)
    for marker, program in (("browser", find_chromium), ("poppler", find_poppler)):
        if program() or os.environ.get(f"REQUIRE_{marker.upper()}") == "1":
            continue
        unwanted = [item for item in items if item.get_closest_marker(marker)]
        config.hook.pytest_deselected(items=unwanted)
        items[:] = [item for item in items if item not in unwanted]


def _place(item):
    folders = [item.nodeid.startswith(folder) for folder in _LONG]
    return folders.index(True) if any(folders) else len(folders)


# What `migrate` leaves in them: content types, permissions, groups and their rights.
_AFTER_MIGRATE = (
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
    "connector_rolegrant",
)


@pytest.fixture(scope="session", autouse=True)
def services():
    """A PostgreSQL and a Valkey for each process that runs tests.

    One that only collects, or hands out the tests to others, needs none.
    """
    embedded.start_if_needed()


@pytest.fixture(scope="session")
def django_db_setup(services, django_db_setup, django_db_blocker):
    """Makes the tests' database cheap: what each flush must bring back is copied.

    Django would find out every permission anew, a third of a second for each test that
    commits. And a server of the tests' own need not survive a power cut.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        if settings.IS_EMBEDDED:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                cursor.execute(f"ALTER SYSTEM SET {name} = off")
            cursor.execute("SELECT pg_reload_conf()")
        cursor.execute("CREATE SCHEMA IF NOT EXISTS migrated")
        for table in _AFTER_MIGRATE:
            cursor.execute(f"CREATE TABLE migrated.{table} AS TABLE public.{table}")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(flush, "emit_post_migrate_signal", _bring_back)
        if settings.IS_EMBEDDED:
            patched.setattr(flush, "sql_flush", _delete_all)
        yield


def _delete_all(style, connection, **options):
    """Most tables are empty: deleting costs a tenth of what TRUNCATE does to files."""
    return [
        "SET LOCAL session_replication_role = replica",
        *(f'DELETE FROM "{table}"' for table in _tables()),  # noqa: S608
    ]


@cache
def _tables():
    return connection.introspection.django_table_names(
        only_existing=True, include_views=False
    )


def _bring_back(verbosity, interactive, db, **options):
    with connections[db].cursor() as cursor:
        for table in _AFTER_MIGRATE:
            cursor.execute(
                f"INSERT INTO {table} SELECT * FROM migrated.{table}"  # noqa: S608
            )
    ContentType.objects.clear_cache()


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
