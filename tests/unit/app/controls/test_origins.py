"""From where a call comes, whatever its headers say."""

from __future__ import annotations

import ipaddress

import pytest

from keepcool.app.controls import keyed, origins
from keepcool.app.controls.keyed import Limits
from keepcool.core.errors import Malformed, Refused

PROXIES = origins.parse_networks(("10.0.0.0/8", "2001:db8:ffff::/48"))
HERE = Limits(networks=("192.0.2.0/24", "2001:db8::/64"))


def told(peer: str | None, *forwarded: str) -> str:
    return str(origins.caller(peer, forwarded, PROXIES))


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.5", (), "203.0.113.5"),
        ("203.0.113.5", ("192.0.2.1",), "203.0.113.5"),
        ("10.0.0.1", ("203.0.113.5",), "203.0.113.5"),
        ("10.0.0.1", ("192.0.2.1, 203.0.113.5",), "203.0.113.5"),
        ("10.0.0.1", ("192.0.2.1", "203.0.113.5, 10.0.0.2"), "203.0.113.5"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("10.0.0.9",), "10.0.0.9"),
        ("10.0.0.1", ("203.0.113.5:4711",), "203.0.113.5"),
        ("10.0.0.1", ("[2001:db8::1]:80",), "2001:db8::1"),
        ("2001:db8:ffff::1", ("2001:db8::7",), "2001:db8::7"),
        ("::ffff:203.0.113.5", ("192.0.2.1",), "203.0.113.5"),
        ("::ffff:10.0.0.1", ("::ffff:203.0.113.5",), "203.0.113.5"),
        (None, ("192.0.2.1",), "None"),
        ("a unix socket", ("192.0.2.1",), "None"),
    ],
)
def test_the_first_that_is_no_proxy_from_the_right_is_the_caller(
    peer: str | None, forwarded: tuple[str, ...], caller: str
) -> None:
    """Only what trusted proxies have written counts, and what stands to its left does not."""
    assert told(peer, *forwarded) == caller


@pytest.mark.parametrize("header", ["unknown", "", "203.0.113.5, nonsense", "1.2.3", "203.0.113.5,"])
def test_a_proxy_that_writes_no_address_is_refused(header: str) -> None:
    """What is no address is never guessed."""
    with pytest.raises(Malformed, match="no address"):
        told("10.0.0.1", header)


def test_nonsense_left_of_the_caller_is_nobodys_matter() -> None:
    """Whatever a caller has sent stands left of what the proxy adds, and is not read."""
    assert told("10.0.0.1", "' OR 1=1 --, 203.0.113.5") == "203.0.113.5"


def test_a_spoofed_header_opens_no_key() -> None:
    """The attack: a stolen key and a header that names an allowed address, directly or through the proxy."""
    for peer, forwarded in (("203.0.113.5", "192.0.2.1"), ("10.0.0.1", "192.0.2.1, 203.0.113.5")):
        with pytest.raises(Refused) as caught:
            keyed.refuse_elsewhere(HERE, origins.caller(peer, (forwarded,), PROXIES))
        assert caught.value.code == "auth.address"


def test_with_everybody_trusted_the_spoofed_header_opens_it() -> None:
    """The twin: where any peer may say who calls, the same header is believed."""
    everybody = origins.parse_networks(("0.0.0.0/0",))
    believed = origins.caller("203.0.113.5", ("192.0.2.1",), everybody)
    keyed.refuse_elsewhere(HERE, believed)


def test_a_key_is_used_from_its_networks_alone() -> None:
    """IPv4 and IPv6, and nobody without an address."""
    for good in ("192.0.2.255", "2001:db8::ffff"):
        keyed.refuse_elsewhere(HERE, ipaddress.ip_address(good))
    for bad in ("192.0.3.0", "2001:db8:0:1::", None):
        with pytest.raises(Refused):
            keyed.refuse_elsewhere(HERE, None if bad is None else ipaddress.ip_address(bad))
    keyed.refuse_elsewhere(Limits(), None)


@pytest.mark.parametrize("text", ["192.0.2.1/24", "all", "", "2001:db8::/129"])
def test_what_is_no_network_is_refused(text: str) -> None:
    """A list that means something else than it says is worse than none."""
    with pytest.raises(Malformed) as caught:
        origins.parse_networks((text,))
    assert caught.value.code == "api_key.networks"
