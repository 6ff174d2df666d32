"""What holds for every answer of the admin: no cache keeps it, and whatever changes
something takes a POST only."""

from __future__ import annotations

import pytest

from tests.support.factories import make_tenant
from tests.support.rows import add_preview, add_purchase, add_run, body_of
from tests.sync.admin.test_roles import address


@pytest.fixture
def rows(db):
    tenant = make_tenant()
    run = add_run(tenant)
    return {
        "connector_tenant": tenant,
        "sync_syncrun": run,
        "sync_purchasesync": add_purchase(run, 1),
        "sync_preview": add_preview(tenant),
    }


@pytest.mark.parametrize(
    "name",
    [
        "connector_tenant_choices",
        "connector_tenant_credentials",
        "connector_tenant_export_file",
        "connector_tenant_codes_progress",
        "sync_syncrun_progress",
        "sync_syncrun_export",
        "sync_purchasesync_receipts",
        "sync_preview_csv",
    ],
)
def test_no_cache_keeps_it(admin_client, rows, name):
    answer = admin_client.get(address(name, rows))
    body_of(answer)
    assert answer.status_code == 200
    assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", "))


@pytest.mark.parametrize(
    "name",
    [
        "connector_tenant_check",
        "connector_tenant_words",
        "connector_tenant_effect",
        "connector_tenant_read_tags",
        "connector_tenant_create_tags",
        "connector_tenant_auto_sync",
        "connector_tenant_refresh_codes",
        "connector_tenant_believe_codes",
    ],
)
def test_it_is_asked_for_by_post_only(admin_client, rows, name):
    answer = admin_client.get(address(name, rows))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "name", ["connector_tenant_choices", "sync_syncrun_export", "sync_preview_csv"]
)
def test_it_is_asked_for_by_get_only(admin_client, rows, name):
    answer = admin_client.post(address(name, rows))
    assert (answer.status_code, answer["Allow"]) == (405, "GET")
