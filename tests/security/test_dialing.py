"""Where a name leads: judged before anything is connected to, and then called there."""

from __future__ import annotations

import re

import pytest

from connector.api.cmic.oauth import OAuthCredentials, OAuthToken
from connector.api.exceptions import ApiConnectionError
from connector.api.http import ApiClient
from connector.api.wire.addresses import Reach
from connector.api.wire.exchange import Timeouts
from tests.support.network.servers import (
    YES,
    make_certificate,
    over_tls,
    read_request,
    stay_silent,
)

HOST = "acme.cmiccloud.com"
PUBLIC = "93.184.216.34"
PRIVATE = "10.0.0.8"
OUTSIDE = Reach(("*.cmiccloud.com",))
ON_PREMISE = Reach(("*.cmiccloud.com",), ("cmic.acme.example",))


def call(host=HOST, reach=OUTSIDE, verify=True, timeouts=None):
    client = ApiClient(
        f"https://{host}",
        reach=reach,
        authorization=lambda: "secret",
        timeouts=timeouts or Timeouts(connect=2, answer=2),
    )
    client._session.verify = verify
    return client.call("POST", "thing", body={})


def refusal(host=HOST, **options):
    with pytest.raises(ApiConnectionError) as raised:
        call(host, **options)
    assert not raised.value.may_have_succeeded
    return str(raised.value).replace(host, "HOST")


@pytest.mark.parametrize(
    "ip",
    [
        PRIVATE,
        "100.64.0.1",
        "127.0.0.1",
        "::1",
        "169.254.169.254",
        "224.0.0.1",
        "::ffff:10.0.0.8",
        "::10.0.0.8",
        "64:ff9b::10.0.0.8",
        "2002:a00:8::1",
        "2001:0:a00:8::f7f7:f7f7",
        "fec0::1",
    ],
)
def test_a_name_that_leads_inside_is_not_even_connected_to(network, machine, ip):
    network.lead(HOST, [ip])
    with machine(ip):
        refusal()
    assert network.dialled == []


def test_one_address_inside_among_others_is_enough_to_call_none(network):
    network.lead(HOST, [PUBLIC, PRIVATE])
    refusal()
    assert network.dialled == []


def test_whatever_is_there_reads_the_same(network, machine):
    """Else whoever may enter an address could have this server try all doors inside."""
    for name, ips in {
        "open": [PRIVATE],
        "closed": ["10.0.0.9"],
        "here": ["127.0.0.1"],
        "outside": ["93.184.216.35"],
        "silent": [PUBLIC],
        "no-tls": ["93.184.216.36"],
    }.items():
        network.lead(f"{name}.cmiccloud.com", ips)
    with (
        machine(PRIVATE),
        machine(PUBLIC, answer=stay_silent),
        machine("93.184.216.36", answer=lambda connected: connected.sendall(YES)),
    ):
        told = {
            refusal(f"{name}.cmiccloud.com", timeouts=Timeouts(connect=0.5, answer=0.5))
            for name in ("open", "closed", "here", "outside", "silent", "no-tls", "no")
        }
    assert told == {"API could not be reached at https://HOST."}


def test_the_log_tells_the_operator_where_the_name_led(network, caplog):
    network.lead(HOST, [PRIVATE])
    refusal()
    assert f"{HOST} is not called: its name leads to {PRIVATE}" in caplog.text
    assert "CONNECTOR_PRIVATE_HOSTS" in caplog.text


def test_a_name_is_looked_up_once_and_what_was_judged_is_called(network):
    network.lead(HOST, [PUBLIC], [PRIVATE])
    refusal()
    assert network.asked == [HOST]
    assert network.dialled == [(PUBLIC, 443)]
    refusal()
    assert network.asked == [HOST, HOST]
    assert network.dialled == [(PUBLIC, 443)]


def test_the_next_address_is_called_where_the_first_does_not_answer(network):
    network.lead(HOST, ["2606:2800:220:1::1", PUBLIC])
    refusal()
    assert [ip for ip, _ in network.dialled] == ["2606:2800:220:1::1", PUBLIC]


def answering(heard):
    def answer(connected):
        heard.append(read_request(connected))
        connected.sendall(YES)

    return answer


@pytest.mark.parametrize(
    ("named", "is_answered"), [(HOST, True), ("other.cmiccloud.com", False)]
)
def test_the_certificate_must_be_of_the_name_and_not_of_the_address(
    network, machine, tmp_path, named, is_answered
):
    network.lead(HOST, [PUBLIC])
    certificate, heard = make_certificate(tmp_path, named), []
    with machine(PUBLIC, answer=over_tls(certificate, answering(heard))):
        if is_answered:
            assert call(verify=str(certificate)).body == b"{}"
        else:
            refusal(verify=str(certificate))
    assert len(heard) == is_answered
    assert network.dialled == [(PUBLIC, 443)]


def test_a_certificate_that_the_environment_trusts_is_not_trusted(
    network, machine, tmp_path, monkeypatch
):
    network.lead(HOST, [PUBLIC])
    certificate, heard = make_certificate(tmp_path, HOST), []
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate))
    with machine(PUBLIC, answer=over_tls(certificate, answering(heard))):
        refusal()
    assert heard == []


class TestPrivateHosts:
    def test_a_host_of_the_private_network_is_called_where_it_is_named(
        self, network, machine, tmp_path
    ):
        host = "cmic.acme.example"
        network.lead(host, [PRIVATE])
        certificate, heard = make_certificate(tmp_path, host), []
        with machine(PRIVATE, answer=over_tls(certificate, answering(heard))):
            answer = call(host, ON_PREMISE, verify=str(certificate))
        assert answer.body == b"{}"
        assert len(heard) == 1

    def test_no_other_is(self, network):
        network.lead(HOST, [PRIVATE])
        refusal(HOST, reach=ON_PREMISE)
        refusal("other.acme.example", reach=ON_PREMISE)
        assert network.dialled == []

    @pytest.mark.parametrize("ip", ["127.0.0.1", "169.254.169.254", "::1", "0.0.0.0"])  # noqa: S104
    def test_the_named_one_is_not_this_machine_and_not_its_link(self, network, ip):
        network.lead("cmic.acme.example", [PRIVATE, ip])
        refusal("cmic.acme.example", reach=ON_PREMISE)
        assert network.dialled == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example\\.cmiccloud.com",
        "https://evil.example",
        f"https://{HOST}:22",
        f"http://{HOST}",
        f"https://{HOST}@evil.example",
        "http://2130706433",
        "http://0x7f000001",
        "http://127.1",
        "http://127.0.0.1:9",
    ],
)
def test_an_address_that_nobody_checked_is_not_called_either(network, url):
    network.lead("evil.example", [PUBLIC])
    network.lead(HOST, [PUBLIC])
    client = ApiClient(url, reach=OUTSIDE, authorization=lambda: "secret")
    with pytest.raises(ApiConnectionError, match="is not called"):
        client.call("GET", "thing")
    token = OAuthToken(OAuthCredentials(url, "us", "secret"), Timeouts(), OUTSIDE)
    with pytest.raises(ApiConnectionError):
        token.authorization()
    assert (network.asked, network.dialled) == ([], [])


def redirecting(heard):
    def answer(connected):
        heard.append(connected.recv(65536))
        connected.sendall(
            b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n"
            b"Location: https://other.cmiccloud.com/token\r\n\r\n"
        )

    return answer


def test_a_redirect_of_the_token_server_is_not_followed(
    network, machine, tmp_path, monkeypatch
):
    network.lead(HOST, [PUBLIC])
    network.lead("other.cmiccloud.com", [PUBLIC])
    certificate, heard = make_certificate(tmp_path, HOST), []
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    credentials = OAuthCredentials(f"https://{HOST}/token", "us", "secret")
    with machine(PUBLIC, answer=over_tls(certificate, redirecting(heard))):
        token = OAuthToken(credentials, Timeouts(connect=2, answer=2), OUTSIDE)
        with pytest.raises(ApiConnectionError, match=re.escape("answered 307")):
            token.authorization()
    assert len(heard) == 1
    assert network.asked == [HOST]


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_used(network, monkeypatch, name):
    """It would look names up by itself, and connect to wherever they lead."""
    monkeypatch.setenv(name, "http://10.0.0.1:3128")
    network.lead(HOST, [PUBLIC])
    refusal()
    token = OAuthToken(
        OAuthCredentials(f"https://{HOST}/token", "us", "proxied"), Timeouts(), OUTSIDE
    )
    with pytest.raises(ApiConnectionError):
        token.authorization()
    assert network.dialled == [(PUBLIC, 443)] * 2
