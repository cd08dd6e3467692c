"""A plan of an installation: networks, tokens, caps and ports as a person names them."""

from __future__ import annotations

import pytest

from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId
from keepcool.local.plan import Ports, asset_plan, network_plan, token_plan, with_caps

TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def test_a_known_network_brings_its_name_and_coin() -> None:
    """The native coin comes first; main nets and side chains get their flavour of Safe."""
    plan = network_plan("eip155:137", ["http://a"], [token_plan("eip155:137", f"{TOKEN}:USDC:6")])
    assert (plan.name, plan.profile) == ("Polygon", "safe-1.5.0-l2")
    assert [asset.symbol for asset in plan.assets] == ["POL", "USDC"]
    assert plan.assets[0].id == "eip155:137/slip44:60"
    assert network_plan("eip155:1", ["http://a"]).profile == "safe-1.5.0-l1"


def test_caps_are_given_in_whole_units() -> None:
    """SYMBOL=TX,HOUR,DAY becomes base units of that asset and leaves the others alone."""
    assets = network_plan("eip155:1", ["u"], [token_plan("eip155:1", f"{TOKEN}:USDC:6")]).assets
    eth, usdc = with_caps(assets, "USDC=2.5,10,1000.000001")
    assert eth == assets[0]
    caps = (usdc.cap_transaction_units, usdc.cap_hour_units, usdc.cap_day_units)
    assert caps == (2_500_000, 10_000_000, 1_000_000_001)


@pytest.mark.parametrize(
    "text", ["", "USDC", "USDC=1,2", "DAI=1,2,3", "ETH=1,2,x", "ETH=-1,2,3", "ETH=1,2,3e4", "ETH=1,2,.5"]
)
def test_refuses_caps_that_are_none(text: str) -> None:
    """A cap that could be misread is refused."""
    with pytest.raises(Malformed, match=r"init\.cap"):
        with_caps((asset_plan(AssetId("eip155:1/slip44:60"), "ETH", 18),), text)


def test_refuses_a_fraction_finer_than_the_asset() -> None:
    """Nothing is rounded."""
    asset = asset_plan(AssetId("eip155:1/slip44:60"), "ETH", 2)
    with pytest.raises(Malformed, match=r"init\.cap"):
        with_caps((asset,), "ETH=1.001,2,3")


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"{TOKEN}:USDC",
        f"{TOKEN}::6",
        f"{TOKEN}:USDC:x",
        f"{TOKEN}:USDC:78",
        f"{TOKEN.lower()[:-1]}:U:6",
    ],
)
def test_refuses_tokens_that_are_none(text: str) -> None:
    """A token is an address, a symbol and decimals."""
    with pytest.raises(Malformed):
        token_plan("eip155:1", text)


@pytest.mark.parametrize("network", ["bip122:000", "eip155:0", "eip155:x", "ethereum"])
def test_refuses_networks_that_are_not_evm(network: str) -> None:
    """A network is eip155:<chain id>."""
    with pytest.raises(Malformed):
        network_plan(network, ["http://a"])


def test_ports_follow_one_another_or_are_free_ones() -> None:
    """Six different ports; privileged and impossible ones are refused."""
    assert Ports.following(8480) == Ports(8480, 8481, 8482, 8483, 8484, 8485)
    free = Ports.following(0)
    assert len({free.app, free.broker, free.keeper_keystore, free.keeper_cluster, free.cooler_keystore}) == 5
    for first in (1, 80, 65535, -1):
        with pytest.raises(Malformed, match=r"init\.port"):
            Ports.following(first)
