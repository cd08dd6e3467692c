"""What `check-config` says of networks of a family of their own, on both signers."""

from __future__ import annotations

import msgspec
import pytest

from keepcool.cooler import config as cooler
from keepcool.core.parties import Service
from keepcool.keeper import config as keeper
from keepcool.local.policies import minter_policy
from keepcool.policy.document import parse_policy
from tests.unit.keeper.bitcoin_house import LITECOIN
from tests.unit.keeper.bitcoin_house import policy as bitcoin_policy
from tests.unit.keeper.minter_house import NETWORK, TERMS

COMMON = """
identity = "i"
data = "d"
inner_key = "k"
cold_public_key = "02"
cool_public_key = "03"
peers = {}
bus = { url = "tls://b", nkey_seed = "n", ca = "c", certificate = "c", certificate_key = "c" }
keystore = { url = "https://k", ca = "c", role_id = "r", secret_id = "s", transit_key = "t" }
policy = { file = "p", root_key = "r" }
"""


def settings_of(table: str) -> keeper.KeeperSettings:
    return msgspec.toml.decode(COMMON + table, type=keeper.KeeperSettings)


def told_by_cooler(table: str) -> str:
    settings = msgspec.toml.decode(COMMON + table, type=cooler.CoolerSettings)
    return "\n".join(cooler.sentences(settings, parse_policy(minter_policy(Service.COOLER, TERMS))))


def test_cooler_says_whose_word_it_takes() -> None:
    """Its nodes, how many must agree, and what a single one or none means."""
    two = told_by_cooler(f'[minter."{NETWORK}"]\nnodes = ["http://a", "http://b"]\nagree = 2')
    assert "2 of http://a, http://b" in two
    assert "WARNING" not in two
    assert "one lying node" in told_by_cooler(f'[minter."{NETWORK}"]\nnodes = ["http://a"]')
    assert "attests no wallet of minter:2" in told_by_cooler("")


@pytest.mark.parametrize(("table", "count"), [("", 8), (f'[minter."{NETWORK}"]\ncreators = 3', 3)])
def test_keeper_says_how_many_accounts_make_wallets(table: str, count: int) -> None:
    """As many as are configured, and as many as usual where nothing is."""
    settings = settings_of(table)
    (told,) = keeper.sentences(settings, parse_policy(minter_policy(Service.KEEPER, TERMS)))
    assert f"with {count} accounts" in told


def test_an_unknown_key_is_refused_by_name() -> None:
    """A misspelt setting of a network is no setting."""
    with pytest.raises(msgspec.ValidationError, match="creator"):
        settings_of(f'[minter."{NETWORK}"]\ncreator = 3')


def test_a_network_of_coins_needs_no_node_and_no_accounts() -> None:
    """An address there commits to its owners: Cooler asks nobody, Keeper's wallets cost no block; a locked
    network is told of."""
    settings = msgspec.toml.decode(COMMON, type=cooler.CoolerSettings)
    assert not cooler.sentences(settings, parse_policy(bitcoin_policy(Service.COOLER)))
    mine = parse_policy(bitcoin_policy(Service.KEEPER))
    assert not keeper.sentences(settings_of(""), mine)
    (told,) = keeper.sentences(settings_of(f'[bitcoin."{LITECOIN.id}"]\nlock_pools = true'), mine)
    assert "passphrase" in told
