"""Which addresses credentials may be sent to."""

import pytest

from connector.api.addresses import AddressError, check_address, is_public

HOSTS = ["*.pexcard.com", "*.cmiccloud.com"]


@pytest.mark.parametrize(
    "url",
    [
        "https://coreapi.pexcard.com",
        "https://COREAPI.pexcard.com/",
        "https://atlas-api.cmiccloud.com/cmicprod",
    ],
)
def test_https_to_a_known_host_is_allowed(url):
    check_address(url, HOSTS, allow_loopback=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://coreapi.pexcard.com",
        "https://evil.example",
        "https://pexcard.com.evil.example",
        "https://evilpexcard.com",
        "https://user:word@coreapi.pexcard.com",
        "https://coreapi.pexcard.com@evil.example",
        "https://coreapi.pexcard.com/?next=x",
        "https://coreapi.pexcard.com/#x",
        "https://10.0.0.1",
        "https://[::1]",
        "https://127.0.0.1",
        "http://127.0.0.1:9101",
        "https://localhost",
        "https://coreapi.pexcard.com:99999",
        "ftp://coreapi.pexcard.com",
        "javascript:alert(1)",
        "",
        "https://",
    ],
)
def test_everything_else_is_refused(url):
    with pytest.raises(AddressError):
        check_address(url, HOSTS, allow_loopback=False)


def test_the_sandbox_may_be_on_this_machine_where_the_environment_allows_it():
    check_address("http://127.0.0.1:9101", HOSTS, allow_loopback=True)
    check_address("http://localhost:9101/x", HOSTS, allow_loopback=True)
    with pytest.raises(AddressError):
        check_address("http://127.0.0.2:9101", HOSTS, allow_loopback=True)


@pytest.mark.parametrize(
    ("host", "address", "may"),
    [
        ("acme.cmiccloud.com", "93.184.216.34", True),
        ("acme.cmiccloud.com", "2606:2800:220:1::1", True),
        ("acme.cmiccloud.com", "10.0.0.8", False),
        ("acme.cmiccloud.com", "172.16.3.4", False),
        ("acme.cmiccloud.com", "169.254.169.254", False),
        ("acme.cmiccloud.com", "100.64.0.1", False),
        ("acme.cmiccloud.com", "127.0.0.1", False),
        ("acme.cmiccloud.com", "::1", False),
        ("acme.cmiccloud.com", "::ffff:10.0.0.8", False),
        ("acme.cmiccloud.com", "fd00::1", False),
        ("acme.cmiccloud.com", "192.0.2.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "::1", True),
        ("localhost", "10.0.0.8", False),
    ],
)
def test_a_name_may_lead_to_public_addresses_only(host, address, may):
    assert is_public(host, address) is may
