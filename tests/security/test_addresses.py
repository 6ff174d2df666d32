"""Which addresses credentials may be sent to, however they are written."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from connector.api.wire.addresses import (
    AddressError,
    Reach,
    is_host_name,
    origin,
    parse,
)

KNOWN = Reach(("*.pexcard.com", "*.cmiccloud.com"))
SANDBOX = Reach(("*.pexcard.com",), allow_loopback=True)


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("https://coreapi.pexcard.com", "https://coreapi.pexcard.com"),
        ("https://COREAPI.pexcard.com/", "https://coreapi.pexcard.com/"),
        ("HTTPS://coreapi.pexcard.com:443/a", "https://coreapi.pexcard.com:443/a"),
        (
            "https://atlas-api.cmiccloud.com/cmicProd",
            "https://atlas-api.cmiccloud.com/cmicProd",
        ),
        ("https://a.cmiccloud.com/x/../y", "https://a.cmiccloud.com/y"),
        ("https://xn--bcher-kva.cmiccloud.com", "https://xn--bcher-kva.cmiccloud.com"),
    ],
)
def test_https_to_a_known_host_is_called_by_what_was_read_of_it(url, called):
    assert KNOWN.check(url).url == called


@pytest.mark.parametrize(
    "url",
    [
        "http://coreapi.pexcard.com",
        "https://evil.example",
        "https://pexcard.com.evil.example",
        "https://evilpexcard.com",
        "ftp://coreapi.pexcard.com",
        "javascript:alert(1)",
        "coreapi.pexcard.com",
        "//coreapi.pexcard.com",
        "",
        "https://",
        "https:///coreapi.pexcard.com",
        "https:coreapi.pexcard.com",
    ],
)
def test_everything_else_is_refused(url):
    with pytest.raises(AddressError):
        KNOWN.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example\\.pexcard.com",
        "https://evil.example\\@coreapi.pexcard.com",
        "https://evil.example\\/.pexcard.com",
        "https:\\\\evil.example\\.pexcard.com",
        "https://evil.example%5C.pexcard.com",
        "https://evil.example%2F.pexcard.com",
        "https://evil.example%23.pexcard.com",
        "https://evil.example%00.pexcard.com",
        "https://core%61pi.pexcard.com",
        "https://evil.example%252F.pexcard.com",
        "https://user:word@coreapi.pexcard.com",
        "https://@coreapi.pexcard.com",
        "https://coreapi.pexcard.com@evil.example",
        "https://evil.example#@coreapi.pexcard.com",
        "https://evil.example?.pexcard.com",
        "https://evil.example;.pexcard.com",
        "https://evil.example,x.pexcard.com",
        "https://evil_example.pexcard.com",
        "https://evil.example .pexcard.com",
        "https://evil.example\t.pexcard.com",
        "https://evil.example\n.pexcard.com",
        "https://evil.example\r\n.pexcard.com",
        "https://evil.example\x00.pexcard.com",
        "https://evil.example\x7f.pexcard.com",
        " https://coreapi.pexcard.com",
        "https://coreapi.pexcard.com\n",
        "https://coreapi.pexcard.com/a b",
        "https://coreapi.pexcard.com/\u202e",
        "https://coreapi.pexcard.com/?next=x",
        "https://coreapi.pexcard.com/?",
        "https://coreapi.pexcard.com/#x",
        "https://coreapi.pexcard.com#",
        "https://evil.example\u2044.pexcard.com",
        "https://evil.example\uff0f.pexcard.com",
        "https://evil.example\u3002pexcard.com",
        "https://bücher.pexcard.com",
        "https://coreapi.pexcard.com.",
        "https://.pexcard.com",
        "https://a..pexcard.com",
        "https://-a.pexcard.com",
        "https://a-.pexcard.com",
        f"https://{'a' * 64}.pexcard.com",
        f"https://{'a.' * 125}pexcard.com",
        "https://[coreapi.pexcard.com]",
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(url):
    with pytest.raises(AddressError):
        KNOWN.check(url)


@pytest.mark.parametrize(
    "port", ["22", "80", "8443", "0443", "0", "99999", "-443", "443x", "", "٤٤٣"]
)
def test_no_port_but_that_of_https_is_called(port):
    with pytest.raises(AddressError):
        KNOWN.check(f"https://coreapi.pexcard.com:{port}/")


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0X7F000001",
        "0x7f.1",
        "0177.0.0.1",
        "0x",
        "1.2.3.08",
        "acme.0x10",
        "acme.10",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[fe80::1%25eth0]",
        "localhost",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_number_is_no_host_however_it_is_written(scheme, host):
    with pytest.raises(AddressError):
        Reach(("*",)).check(f"{scheme}://{host}")


def test_the_sandbox_may_be_on_this_machine_where_the_environment_allows_it():
    assert SANDBOX.check("http://127.0.0.1:9101").url == "http://127.0.0.1:9101"
    assert SANDBOX.check("http://localhost:9101/x").url == "http://localhost:9101/x"
    for url in ("http://127.0.0.2:9101", "http://127.1:9101", "http://[::1]:9101"):
        with pytest.raises(AddressError):
            SANDBOX.check(url)
    with pytest.raises(AddressError):
        KNOWN.check("http://127.0.0.1:9101")


def test_a_host_of_the_private_network_is_named_whole():
    reach = Reach((), private_hosts=("CMiC.acme.example",))
    assert reach.check("https://cmic.acme.example/prod").host == "cmic.acme.example"
    for url in (
        "https://other.acme.example",
        "https://x.cmic.acme.example",
        "http://cmic.acme.example",
        "https://cmic.acme.example:8443",
    ):
        with pytest.raises(AddressError):
            reach.check(url)


@pytest.mark.parametrize(
    "name", ["*.acme.example", "https://a.example", "10.0.0.8", ""]
)
def test_a_pattern_or_a_number_is_no_name_of_a_host(name):
    assert not is_host_name(name)


PIECES = st.sampled_from(
    [
        *"abz019.-_~:/?#[]@!$&'()*+,;=%\\ \t\n\x00\x7f|^`\"<>{}é。／",
        *("https://", "http://", "//", "evil.example", "coreapi.pexcard.com"),
        *("%5C", "%2e", "%2F", "127.0.0.1", ":443", ":80", "[::1]", "xn--", "0x7f"),
    ]
)
ANY_ADDRESS = st.lists(PIECES, max_size=9).map("".join).map("https://{}".format)


@given(ANY_ADDRESS)
def test_what_is_accepted_is_the_same_place_to_every_parser(url):
    try:
        address = parse(url)
    except AddressError:
        return
    prepared = requests.Request("GET", f"{address.url}/thing").prepare().url
    for text in (url, address.url, prepared):
        by_python, by_urllib3 = urlsplit(text), parse_url(text)
        assert (by_python.scheme, by_python.hostname) == (
            address.scheme,
            by_urllib3.host,
        )
        assert by_python.port == by_urllib3.port == address.port
        assert by_urllib3.host == address.host
    assert parse(address.url) == address


def test_one_place_is_recognized_however_it_is_written():
    here = origin("https://coreapi.pexcard.com/v4")
    assert origin("HTTPS://COREAPI.PEXCARD.COM") == here
    assert origin("https://coreapi.pexcard.com\\.evil.example") != here
    assert origin("https://coreapi.pexcard.com:444") != here
