"""The policies an installation begins with on Minter, alone and beside an EVM network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.parties import Service
from keepcool.local.plan import asset_plan, network_plan
from keepcool.local.policies import MinterTerms, evm_part, first_policy, minter_part, minter_policy, written
from keepcool.policy.document import parse_policy

NETWORK = NetworkId("minter:2")
MNT, USDTE = AssetId("minter:2/coin:0"), AssetId("minter:2/coin:1993")
TERMS = MinterTerms(NETWORK, "MNT", (asset_plan(MNT, "MNT", 18), asset_plan(USDTE, "USDTE", 18)))
HARBOR = "Mxf334efd1e9e4f782d9639627e40ad14635d31f06"
EVM = network_plan("eip155:10", ["http://a"])

# What was written before there was another family: no installation's file changes under it.
KEEPER_ON_EVM = """\
# Keeper's policy: what it may sign. Amounts are base units (wei); caps count all wallets together.
# After a change: raise `version`, sign with the root key (`keepcool policy sign`), carry both files over.
version = 1

[intents]
lifetime_s_max = 86400

[wallets]
attestations = ["keeper", "cooler"]

[evidence]
kinds = []

[networks."eip155:10"]
family = "evm"
profile = "safe-1.5.0-l2"
pool_profile = "safe-pool-1.5.0-l2"
fee_max_units = "50000000000000000"

[networks."eip155:10".native]
asset = "eip155:10/slip44:60"
symbol = "ETH"
decimals = 18

[networks."eip155:10".purse]
fee_max_units = "50000000000000000"
gas_budget_day_units = "2000000000000000000"
deployments_per_day = 1000

[assets."eip155:10/slip44:60"]
symbol = "ETH"
decimals = 18
cap_transaction_units = "1000000000000000000"
cap_hour_units = "5000000000000000000"
cap_day_units = "20000000000000000000"
"""


def test_an_evm_policy_is_written_as_ever() -> None:
    """To the byte."""
    assert first_policy(Service.KEEPER, EVM).decode() == KEEPER_ON_EVM


@pytest.mark.parametrize("signer", [Service.KEEPER, Service.COOLER])
def test_the_first_policy_of_a_minter_network(signer: Service) -> None:
    """Sends and multisends at a bounded gas price in the native coin, no payload, keys for each wallet."""
    policy = parse_policy(minter_policy(signer, TERMS))
    rules = policy.networks[NETWORK]
    assert (rules.family, rules.profile, rules.layout, rules.harbor) == (
        "minter",
        "multisig-v2",
        "children",
        None,
    )
    assert (rules.fee_rate_max, rules.fee_assets, rules.data_bytes_max) == (10, frozenset({MNT}), 0)
    assert rules.calls == frozenset({"0x01", "0x0d"})
    assert rules.native.symbol == "MNT"
    assert {asset: rules.cap_day_units for asset, rules in policy.assets.items()} == {
        coin.id: coin.cap_day_units for coin in TERMS.coins
    }
    assert (rules.purse is not None) == (signer is Service.KEEPER)


def test_what_is_asked_for_stands_in_the_file() -> None:
    """Gas price, fees, creates, layout and harbor are the caller's."""
    asked = replace(
        TERMS,
        gas_price_max=3,
        fee_max_units=5,
        gas_budget_day_units=50,
        creates_per_day=7,
        layout="shared",
        harbor=HARBOR,
    )
    rules = parse_policy(minter_policy(Service.KEEPER, asked)).networks[NETWORK]
    assert rules.purse is not None
    assert (rules.fee_rate_max, rules.fee_max_units, rules.layout, rules.harbor) == (3, 5, "shared", HARBOR)
    assert (rules.purse.gas_budget_day_units, rules.purse.deployments_per_day) == (50, 7)


def test_networks_of_two_families_stand_in_one_file() -> None:
    """Each says what it says alone."""
    parts = [evm_part(Service.COOLER, EVM), minter_part(Service.COOLER, TERMS)]
    both = written(Service.COOLER, parts)
    policy = parse_policy(both)
    assert policy.networks[EVM.id] == parse_policy(first_policy(Service.COOLER, EVM)).networks[EVM.id]
    assert policy.networks[NETWORK] == parse_policy(minter_policy(Service.COOLER, TERMS)).networks[NETWORK]
    assert set(policy.assets) == {EVM.assets[0].id, MNT, USDTE}
    assert b"(wei, pip)" in both


@pytest.mark.parametrize(
    ("name", "terms", "told"),
    [
        ("no gas price", replace(TERMS, gas_price_max=0), "fee_rate_max"),
        ("a coin of six decimals", replace(TERMS, coins=(asset_plan(USDTE, "USDTE", 6),)), "18 decimals"),
        ("a symbol for two", replace(TERMS, symbol="USDTE", coins=TERMS.coins[1:]), "names another asset"),
        ("another network's coin", replace(TERMS, network=NetworkId("minter:1")), "minter:2"),
        ("no Minter network", replace(TERMS, network=NetworkId("eip155:1"), coins=()), "no network of"),
        ("a fee beyond the day", replace(TERMS, gas_budget_day_units=1), "whole day"),
    ],
)
def test_terms_that_make_no_policy_write_none(name: str, terms: MinterTerms, told: str) -> None:
    """What a signer would not read is not written."""
    with pytest.raises(Malformed) as caught:
        minter_policy(Service.KEEPER, terms)
    assert told in caught.value.public, name
