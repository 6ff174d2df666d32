"""The tests' tenants are copies of an imported one, and nothing tells them apart."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import time_machine
from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, transaction

from connector.transfer.importing import import_tenant
from tests.support.database_clock import database_clock
from tests.support.factories import make_tenant, tenant_data

ENDS = ("http://127.0.0.1:9101", "http://127.0.0.1:9102/cmictest")


@pytest.fixture
def left_by(db):
    """Takes what a call leaves in all tables, and then leaves nothing of it.

    Each call finds the same numbers free.
    """

    def call_and_look(call):
        with connection.cursor() as cursor:
            for sql in connection.ops.sequence_reset_sql(
                no_style(), apps.get_models(include_auto_created=True)
            ):
                cursor.execute(sql)
        with transaction.atomic():
            call()
            left = {
                model: list(model._base_manager.order_by("pk").values())
                for model in apps.get_models(include_auto_created=True)
            }
            transaction.set_rollback(True)
        return left

    return call_and_look


@contextmanager
def standing_still(day):
    """The machine's clock and the database's, on that day of March."""
    moment = datetime(2026, 3, day, 12, tzinfo=UTC)
    with time_machine.travel(moment, tick=False), database_clock(moment, ticks=False):
        yield


@pytest.mark.parametrize(
    "transactions",
    [{}, {"refunds": "send", "start_date": "2026-03-02", "vendor_code": "OTHER"}],
)
def test_a_copy_is_row_by_row_what_an_import_leaves(
    left_by, transactions, django_assert_max_num_queries
):
    # What was made at other ends, and earlier, is what is copied.
    with standing_still(30):
        left_by(lambda: make_tenant(**transactions))

    def copied():
        with django_assert_max_num_queries(15):
            make_tenant(*ENDS, **transactions)

    data = tenant_data(*ENDS, **transactions)
    with standing_still(31):
        imported = left_by(lambda: import_tenant(data, {}))
        assert left_by(copied) == imported


def test_a_copy_is_at_hand_as_an_imported_tenant_is(db):
    make_tenant().delete()
    copied = make_tenant(*ENDS)
    assert copied.pex.base_url == ENDS[0]
    assert copied.cmic.base_url == ENDS[1]
    assert copied.transactions.tenant is copied
    copied.name = "Another"
    copied.save()
    assert copied.history.count() == 2
