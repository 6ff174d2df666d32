"""A file that brings the token of another PEX business is refused, with what to do."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from connector.api.exceptions import ConnectorError
from connector.connections.clients import pex_client
from connector.connections.probing import check_pex
from connector.models import PexConnection, Tenant
from connector.transfer.asking import refuse_other_business
from tests.connector.admin.test_tenant import said
from tests.connector.transfer.test_transfer import upload
from tests.simulators.pex import PexSimulator
from tests.support.factories import PEX_TOKEN, tenant_data

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

NAME = "Beta Builders LLC"


@pytest.fixture
def data(tenant, pex, cmic):
    """The tenant as it is but for its name; PEX has told whose its token is."""
    check_pex(tenant)
    pex.clear_calls()
    return {**tenant_data(pex.url, cmic.url), "name": "Renamed"}


@pytest.fixture
def other(pex):
    return pex.tokens.issue(31001, NAME)


def stored():
    return PexConnection.objects.select_related("tenant").get()


def load(data, tmp_path):
    file = tmp_path / "acme.json"
    file.write_text(json.dumps(data))
    call_command("import_tenant", str(file))


def test_the_command_refuses_it_and_changes_nothing(data, other, tmp_path):
    data["pex"]["token"] = other
    with pytest.raises(CommandError, match=f"belongs to {NAME}") as refused:
        load(data, tmp_path)
    assert refused.value.returncode == 2
    assert "in the admin under Manage credentials" in str(refused.value)
    assert (stored().token, stored().tenant.name) == (PEX_TOKEN, "Acme Construction")


def test_a_token_from_the_environment_is_asked_about_too(
    data, other, tmp_path, monkeypatch
):
    monkeypatch.setenv("OTHERS_TOKEN", other)
    data["pex"]["token"] = {"env": "OTHERS_TOKEN"}
    with pytest.raises(CommandError, match=r"pex\.token: This token belongs to"):
        load(data, tmp_path)


def test_an_upload_is_refused_with_the_same_sentence(admin_client, data, other):
    data["pex"]["token"] = other
    assert f"belongs to {NAME} (business 31001)" in said(upload(admin_client, data))
    assert stored().token == PEX_TOKEN


def test_another_token_of_the_same_business_is_taken(data, pex, tmp_path):
    data["pex"]["token"] = pex.tokens.issue()
    load(data, tmp_path)
    assert (stored().token, stored().tenant.name) == (data["pex"]["token"], "Renamed")


def test_what_changes_neither_token_nor_address_calls_nobody(data, pex, tmp_path):
    load(data, tmp_path)
    del data["pex"]
    refuse_other_business(data, {})
    refuse_other_business({**data, "pex": {"token": {"env": "NOT_SET"}}}, None)
    assert stored().tenant.name == "Renamed"
    assert pex.calls == []


def test_a_token_that_cannot_be_asked_about_is_stored_and_found_out_later(
    data, pex, other, tmp_path
):
    pex.faults.set("server_error")
    data["pex"]["token"] = other
    load(data, tmp_path)
    pex.faults.clear()
    assert stored().token == other
    with pytest.raises(ConnectorError, match=f"belongs to {NAME}"):
        pex_client(Tenant.objects.get())


@pytest.mark.parametrize("data", [None, [], {}, {"slug": 1, "pex": {}}, {"pex": 1}])
def test_what_is_no_tenant_is_left_to_the_import(db, data):
    refuse_other_business(data, {})


def test_an_address_that_moves_with_the_token_kept_is_another_business(data, tmp_path):
    """Equal numbers at two hosts are two businesses."""
    with PexSimulator.empty().serve() as server:
        data["pex"] = {"base_url": server.url}
        with pytest.raises(CommandError, match=f"at {server.url}"):
            load(data, tmp_path)
