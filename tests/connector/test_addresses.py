"""Which addresses credentials may be sent to."""

import pytest

from connector.addresses import AddressError, check_address

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
