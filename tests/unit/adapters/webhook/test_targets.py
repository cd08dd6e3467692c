"""Where webhooks may go, by the address that is connected to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from keepcool.adapters.webhook.targets import Target, Targets
from keepcool.core.errors import Refused

PUBLIC = ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
INNER = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:7f00:1::1",
]
NAMED = Target("shop.example", 443, tls=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_may_be_reached(address: str) -> None:
    """Also where a public IPv4 address is written inside another one."""
    Targets([]).judge(NAMED, [ip_address(address)])


@pytest.mark.parametrize("address", INNER)
def test_what_is_not_public_may_not(address: str) -> None:
    """However it is written, and also when only one of a name's addresses is such."""
    for found in ([address], ["8.8.8.8", address]):
        with pytest.raises(Refused) as refused:
            Targets([]).judge(NAMED, [ip_address(one) for one in found])
        assert refused.value.code == "webhook.target"


@pytest.mark.parametrize("address", INNER)
def test_with_the_control_off_it_would_be_reached(address: str) -> None:
    """The twin: where the configuration allows everything, the same addresses pass."""
    Targets(["0.0.0.0/0", "::/0"]).judge(NAMED, [ip_address(address)])


def test_plain_http_goes_to_allowed_networks_alone() -> None:
    """A name that resolves to a public address needs TLS, whatever networks are allowed beside."""
    targets, plain = Targets(["10.1.0.0/16"]), Target("shop.example", 80, tls=False)
    targets.judge(plain, [ip_address("10.1.2.3")])
    for address in ("8.8.8.8", "10.2.0.1"):
        with pytest.raises(Refused):
            targets.judge(plain, [ip_address(address)])
    with pytest.raises(Refused):
        Targets([]).parse("http://shop.example/hook")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "//shop.example/x",
        "file:///etc/passwd",
        "gopher://shop.example/x",
        "https://",
        "https:///x",
        "https://user@shop.example/x",
        "https://shop.example@10.0.0.1/x",
        "https://shop.example\\@10.0.0.1/x",
        "https://shop.example/x#y",
        "https://shop.example:0/x",
        "https://shop.example:99999/x",
        "https://shop.example:x/y",
        "https://sh op.example/x",
        "https://shop.example/\nx",
        "https://[fe80::1%25eth0]/x",
        "https://[::1/x",
        "https://sho\u0440.example/x",
        "https://shop.example/" + "x" * 1000,
        "https://127.0.0.1/x",
        "https://[::ffff:127.0.0.1]/x",
    ],
)
def test_odd_urls_are_refused(url: str) -> None:
    """What could be read in two ways, or names an inner address outright."""
    with pytest.raises(Refused):
        Targets([]).parse(url)


def test_a_plain_url_is_read() -> None:
    """Host, port, and whether it is encrypted."""
    assert Targets([]).parse("https://shop.example/hook?a=b") == NAMED
    assert Targets([]).parse("https://SHOP.example:8443/") == Target("shop.example", 8443, tls=True)
    assert Targets(["127.0.0.0/8"]).parse("http://127.0.0.1:81/") == Target("127.0.0.1", 81, tls=False)


def test_allowed_networks_are_networks() -> None:
    """A slip in the configuration is told at the start."""
    with pytest.raises(Refused):
        Targets(["10.0.0.0/99"])
