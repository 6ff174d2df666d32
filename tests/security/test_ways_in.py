"""Ways by which an address comes to be called: page, file, command and database."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from connector.api.exceptions import SettingsIncompleteError
from connector.connections.clients import cmic_client, pex_client
from connector.connections.credentials import check_stored
from connector.models import CmicConnection, PexConnection, Tenant
from tests.connector.admin.test_tenant import said
from tests.connector.connections.test_credentials import post
from tests.support.driver import execute
from tests.support.factories import CMIC_PASSWORD, PEX_TOKEN, tenant_data

PUBLIC = "93.184.216.34"
EVIL = [
    "https://evil.example\\.pexcard.com",
    "https://evil.example\\@coreapi.pexcard.com",
    "https://coreapi.pexcard.com:22",
    "http://2130706433",
    "http://0x7f000001",
    "http://10.0.0.8",
    "http://[::1]",
]
OAUTH = {
    "auth": "oauth",
    "oauth_client_id": "us",
    "oauth_client_secret": "oauth-secret",
}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def evil(network):
    network.lead("evil.example", [PUBLIC])
    network.lead("coreapi.pexcard.com", [PUBLIC])
    network.lead("login.evil.example", [PUBLIC])


@pytest.fixture
def untouched(network):
    """Nothing was looked up and nothing connected to."""
    yield
    assert (network.asked, network.dialled) == ([], [])


@pytest.fixture
def new():
    return Tenant.objects.create(slug="new", name="New Builders")


@pytest.mark.parametrize("url", EVIL)
@pytest.mark.usefixtures("untouched")
class TestThePage:
    """Also where a person insists that what was refused be stored."""

    def test_refuses_such_an_address_of_pex(self, admin_client, new, url):
        post(admin_client, new, "pex", base_url=url, token=PEX_TOKEN, insist="yes")
        assert not PexConnection.objects.exists()

    def test_refuses_such_an_address_of_cmic(self, admin_client, new, url):
        post(admin_client, new, "cmic", base_url=url, insist="yes")
        assert not CmicConnection.objects.exists()

    def test_refuses_such_a_token_address(self, admin_client, new, cmic, url):
        data = {"base_url": cmic.url, "token_url": url, **OAUTH, "insist": "yes"}
        post(admin_client, new, "cmic", **data)
        assert not CmicConnection.objects.exists()


@pytest.mark.usefixtures("untouched")
def test_a_token_server_must_be_on_the_list_of_hosts(admin_client, new, cmic):
    url = "https://login.evil.example/token"
    data = {"base_url": cmic.url, "token_url": url, **OAUTH}
    page = said(post(admin_client, new, "cmic", **data))
    assert "The host login.evil.example is not allowed" in page
    assert not CmicConnection.objects.exists()


def test_the_page_says_the_same_whatever_is_behind_a_name(
    admin_client, new, network, machine
):
    """Doors inside, open and closed, a name that nobody has, and nobody at home."""
    for name, ip in {
        "open": "10.0.0.8",
        "closed": "10.0.0.9",
        "here": "127.0.0.1",
        "outside": PUBLIC,
    }.items():
        network.lead(f"{name}.cmiccloud.com", [ip])
    told = set()
    with machine("10.0.0.8"):
        for name in ("open", "closed", "here", "outside", "nobody"):
            url = f"https://{name}.cmiccloud.com/prod"
            page = said(post(admin_client, new, "cmic", base_url=url))
            at = page.index("could not be reached")
            told.add(page[at:].partition(" lets this server in")[0].replace(url, "URL"))
    assert len(told) == 1
    assert {ip for ip, _ in network.dialled} == {PUBLIC}


@pytest.mark.parametrize("url", EVIL)
@pytest.mark.usefixtures("untouched")
class TestAFile:
    @pytest.mark.parametrize(
        ("side", "key"),
        [("pex", "base_url"), ("cmic", "base_url"), ("cmic", "token_url")],
    )
    def test_by_command_is_refused_at_its_path(
        self, pex, cmic, tmp_path, capsys, url, side, key
    ):
        data = tenant_data(pex.url, cmic.url)
        data[side][key] = url
        path = tmp_path / "tenant.json"
        path.write_text(json.dumps(data))
        with pytest.raises((SystemExit, CommandError)) as raised:
            call_command("import_tenant", str(path))
        assert f"{side}.{key}" in f"{raised.value} {capsys.readouterr().err}"
        assert not Tenant.objects.exists()

    def test_by_upload_sends_no_token_to_ask_whose_it_is(
        self, admin_client, tenant, pex, cmic, url
    ):
        PexConnection.objects.update(business_id=1, business_name="Acme")
        data = tenant_data(pex.url, cmic.url)
        data["pex"] = {"base_url": url, "token": "another-token"}
        file = SimpleUploadedFile("tenant.json", json.dumps(data).encode())
        admin_client.post(reverse("admin:connector_tenant_import_file"), {"file": file})
        assert PexConnection.objects.get().base_url == pex.url


@pytest.mark.parametrize("url", EVIL)
@pytest.mark.usefixtures("untouched")
class TestWhatIsStoredAlready:
    """By an older release, by SQL, or before the environment allowed less."""

    def test_of_pex_gets_no_token(self, tenant, pex, url):
        PexConnection.objects.update(base_url=url)
        with pytest.raises(SettingsIncompleteError, match="may not be called"):
            pex_client(Tenant.objects.get())
        assert not check_stored(Tenant.objects.get())["pex"].is_ok
        run = execute(tenant)
        assert run.status == "failed"
        assert "may not be called" in run.message
        assert pex.calls == []

    def test_of_cmic_gets_no_password(self, tenant, cmic, url):
        CmicConnection.objects.update(base_url=url)
        with pytest.raises(SettingsIncompleteError, match="may not be called"):
            cmic_client(Tenant.objects.get())
        assert not check_stored(Tenant.objects.get())["cmic"].is_ok

    def test_of_a_token_server_gets_no_secret(self, tenant, url):
        row = tenant.cmic
        for name, value in {**OAUTH, "token_url": url}.items():
            setattr(row, name, value)
        row.save()
        with pytest.raises(SettingsIncompleteError, match="may not be called"):
            cmic_client(Tenant.objects.get())
        assert not check_stored(Tenant.objects.get())["cmic"].is_ok


@pytest.mark.usefixtures("untouched")
def test_a_stored_token_server_off_the_list_gets_no_secret(tenant):
    row = tenant.cmic
    for name, value in OAUTH.items():
        setattr(row, name, value)
    row.token_url = "https://login.evil.example/token"
    row.save()
    finding = check_stored(tenant)["cmic"]
    assert "The host login.evil.example is not allowed" in finding.message


def test_a_host_that_is_no_longer_named_is_not_called(tenant, network, settings):
    network.lead("cmic.acme.example", ["10.0.0.8"])
    CmicConnection.objects.update(base_url="https://cmic.acme.example/prod")
    settings.CONNECTOR_PRIVATE_HOSTS = ["cmic.acme.example"]
    assert "could not be reached" in check_stored(tenant)["cmic"].message
    assert {ip for ip, _ in network.dialled} == {"10.0.0.8"}
    network.dialled.clear()
    settings.CONNECTOR_PRIVATE_HOSTS = []
    assert "may not be called" in check_stored(tenant)["cmic"].message
    assert network.dialled == []


def test_a_person_enters_a_named_host_of_the_private_network(
    admin_client, new, network, settings
):
    settings.CONNECTOR_PRIVATE_HOSTS = ["other.example", "cmic.acme.example"]
    network.lead("cmic.acme.example", ["10.0.0.8"])
    data = {"base_url": "https://cmic.acme.example/prod", "insist": "yes"}
    post(admin_client, new, "cmic", **data, password=CMIC_PASSWORD)
    assert CmicConnection.objects.get().base_url == data["base_url"]
    assert set(network.dialled) == {("10.0.0.8", 443)}
