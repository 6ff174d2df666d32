"""Which IP addresses a name may lead to, also those that carry another inside."""

from __future__ import annotations

import pytest

from connector.api.wire.addresses import Reach
from connector.api.wire.networks import Network, network_of

PUBLIC, PRIVATE, LOOPBACK, OTHER = Network


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("93.184.216.34", PUBLIC),
        ("2606:2800:220:1::1", PUBLIC),
        ("10.0.0.8", PRIVATE),
        ("172.16.3.4", PRIVATE),
        ("172.32.0.1", PUBLIC),
        ("192.168.1.1", PRIVATE),
        ("100.64.0.1", PRIVATE),
        ("100.127.255.255", PRIVATE),
        ("100.128.0.1", PUBLIC),
        ("fd00::1", PRIVATE),
        ("127.0.0.1", LOOPBACK),
        ("127.255.255.254", LOOPBACK),
        ("::1", LOOPBACK),
        ("0.0.0.0", OTHER),  # noqa: S104
        ("0.1.2.3", OTHER),
        ("::", OTHER),
        ("169.254.169.254", OTHER),
        ("fe80::1", OTHER),
        ("fe80::1%eth0", OTHER),
        ("fec0::1", OTHER),
        ("224.0.0.1", OTHER),
        ("ff02::1", OTHER),
        ("ff0e::1", OTHER),
        ("240.0.0.1", OTHER),
        ("255.255.255.255", OTHER),
        ("192.0.0.9", OTHER),
        ("192.0.2.1", OTHER),
        ("198.18.0.1", OTHER),
        ("192.88.99.1", OTHER),
        ("2001:db8::1", OTHER),
        ("3fff::1", OTHER),
        ("4000::1", OTHER),
        ("5f00::1", OTHER),
        ("64:ff9b:1::808:808", OTHER),
        ("100::1", OTHER),
        ("2130706433", OTHER),
        ("0x7f000001", OTHER),
        ("nonsense", OTHER),
    ],
)
def test_a_network_has_a_kind(ip, network):
    assert network_of(ip) is network


@pytest.mark.parametrize(
    "carrying",
    [
        "::ffff:{dotted}",
        "::{dotted}",
        "::ffff:0:{dotted}",
        "64:ff9b::{dotted}",
        "2002:{hexadecimal}::1",
        "2001:0:{hexadecimal}::f7f7:f7f7",
    ],
)
@pytest.mark.parametrize(
    ("dotted", "network"),
    [
        ("8.8.8.8", PUBLIC),
        ("10.0.0.8", PRIVATE),
        ("100.64.0.1", PRIVATE),
        ("127.0.0.1", LOOPBACK),
        ("169.254.169.254", OTHER),
        ("224.0.0.1", OTHER),
    ],
)
def test_an_address_counts_by_the_one_that_it_carries(carrying, dotted, network):
    one, two, three, four = map(int, dotted.split("."))
    hexadecimal = f"{one:02x}{two:02x}:{three:02x}{four:02x}"
    ip = carrying.format(dotted=dotted, hexadecimal=hexadecimal)
    if carrying.startswith("2001:0:") and network is not PUBLIC:
        # It also carries a client, which is at 8.8.8.8 here.
        network = OTHER
    assert network_of(ip) is network


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("2001:0:808:808::f5ff:fff7", OTHER),
        ("2606:2800:220:1:0:5efe:a00:8", OTHER),
        ("2606:2800:220:1:200:5efe:a00:8", OTHER),
        ("2606:2800:220:1:0:5efe:808:808", PUBLIC),
        ("fe80::5efe:808:808", OTHER),
        ("fd00::5efe:a00:8", PRIVATE),
    ],
)
def test_an_address_that_carries_another_is_as_bad_as_the_worse_of_both(ip, network):
    assert network_of(ip) is network


@pytest.mark.parametrize(
    ("host", "ip", "may"),
    [
        ("acme.cmiccloud.com", "93.184.216.34", True),
        ("acme.cmiccloud.com", "10.0.0.8", False),
        ("acme.cmiccloud.com", "127.0.0.1", False),
        ("acme.cmiccloud.com", "169.254.169.254", False),
        ("cmic.acme.example", "10.0.0.8", True),
        ("CMIC.acme.example", "fd00::8", True),
        ("cmic.acme.example", "93.184.216.34", True),
        ("cmic.acme.example", "127.0.0.1", False),
        ("cmic.acme.example", "169.254.169.254", False),
        ("cmic.acme.example", "::ffff:127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "::1", True),
        ("localhost", "10.0.0.8", False),
        ("localhost", "93.184.216.34", False),
    ],
)
def test_only_who_is_named_may_be_in_a_private_network(host, ip, may):
    reach = Reach(("*",), ("cmic.acme.example",), allow_loopback=True)
    assert reach.may_lead_to(host, ip) is may


def test_this_machine_is_called_only_where_the_environment_allows_it():
    assert not Reach(("*",)).may_lead_to("localhost", "127.0.0.1")
    assert not Reach(("*",), ("localhost",)).may_lead_to("localhost", "127.0.0.1")
