"""App's TOML of a Bitcoin network: its bounds, its words, its nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepcool.app import config
from keepcool.app.config import BitcoinSettings, bitcoin_row, crediting_of, native_asset
from keepcool.app.deposits import running
from keepcool.chains.bitcoin.network_table import DOGECOIN, LITECOIN_REGTEST
from keepcool.core.errors import Refused
from tests.unit.app.http.test_config import GOOD, loaded

ID = LITECOIN_REGTEST.id
BITCOIN = f"""
[networks."{ID}"]
name = "Litecoin test chain"
family = "bitcoin"
profile = "bip45-p2wsh"
node_urls = ["http://127.0.0.1:9332", "http://127.0.0.1:9333"]
node_cookies = ["one.cookie", ""]
confirmations = [[0, 3], [1000000, 9]]

[[networks."{ID}".assets]]
id = "{LITECOIN_REGTEST.asset}"
symbol = "LTC"
decimals = 8
deposit_min = "20000"

[networks."{ID}".fees]
withdrawal_fee_max = "50000"
"""


def table(settings: config.AppSettings) -> BitcoinSettings:
    found = settings.networks[ID]
    assert isinstance(found, BitcoinSettings)
    return found


def test_a_bitcoin_network_is_told_in_sentences(tmp_path: Path) -> None:
    """Depths by amount, dust, how many nodes must agree, and what a withdrawal may cost."""
    settings = loaded(tmp_path, GOOD + BITCOIN)
    told = "\n".join(config.sentences(settings))
    for word in (
        "a wallet of their own",
        "20000 satoshi",
        "2 of 2 nodes",
        "3 from 0",
        "9 from 1000000",
        "50000",
    ):
        assert word in told
    one = table(settings)
    assert one.nodes == [("http://127.0.0.1:9332", "one.cookie"), ("http://127.0.0.1:9333", "")]
    assert (native_asset(ID, one), crediting_of(ID, one)) == (LITECOIN_REGTEST.asset, ("depth", 3))
    plan = running.bitcoin_plan(ID, one)
    assert (plan.terms.dust_below, plan.terms.row.depth_blocks(1_000_000), plan.start_block) == (20_000, 9, 0)


def test_depths_are_the_networks_own_where_none_are_configured(tmp_path: Path) -> None:
    """An override is held to the checks of a network's row; without one the row stands."""
    settings = loaded(tmp_path, GOOD + BITCOIN.replace("confirmations = [[0, 3], [1000000, 9]]", ""))
    assert bitcoin_row(ID, table(settings)).confirmations == LITECOIN_REGTEST.confirmations


@pytest.mark.parametrize(
    ("good", "bad", "word"),
    [
        ('profile = "bip45-p2wsh"', 'profile = "bip45-pool-p2wsh"', "profile is one of"),
        ('profile = "bip45-p2wsh"', 'profile = "safe-1.5.0-l2"', "profile is one of"),
        ("decimals = 8", "decimals = 18", "8 decimals"),
        (LITECOIN_REGTEST.asset, f"{ID}/slip44:60", "its one asset"),
        ("[[0, 3], [1000000, 9]]", "[[0, 3], [1000000, 1]]", "confirmations"),
        ("[[0, 3], [1000000, 9]]", "[[5, 3]]", "confirmations"),
        ('["one.cookie", ""]', '["one.cookie"]', "one file for each node"),
        ("node_cookies", "agree = 3\nnode_cookies", "at most the number of nodes"),
        ('fee_max = "50000"', 'fee_max = "50000"\nfee_rate_max = 10', "fee_rate_max"),
        ('fee_max = "50000"', 'fee_max = "50000"\nrungs = 0', "at least 1"),
        ('"bitcoin"\n', '"bitcoin"\nspeed = 1\n', "speed"),
        (f'networks."{ID}"', 'networks."bip122:00000000000000000000000000000000"', "no row"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_starts(tmp_path: Path, good: str, bad: str, word: str) -> None:
    """Each mistake names the key and what it must be."""
    text = BITCOIN.replace(good, bad)
    assert text != BITCOIN
    with pytest.raises(Refused, match=r"config\.") as caught:
        loaded(tmp_path, GOOD + text)
    assert word in str(caught.value)


def test_what_nodes_would_not_relay_is_dust(tmp_path: Path) -> None:
    """A minimum below what nodes relay is raised to it: such a coin costs more to spend than it holds."""
    one = table(loaded(tmp_path, GOOD + BITCOIN.replace('deposit_min = "20000"', "")))
    script = b"\x00\x20" + bytes(32)
    assert running.bitcoin_plan(ID, one).terms.dust_below == LITECOIN_REGTEST.dust_sat(script) > 1


def test_a_network_without_witnesses_has_the_one_script(tmp_path: Path) -> None:
    """Coins under a witness script could be taken there by anybody."""
    text = BITCOIN.replace(ID, DOGECOIN.id).replace("slip44:1", f"slip44:{DOGECOIN.coin_type}")
    text = text.replace('withdrawal_fee_max = "50000"', "fee_rate_max = 100000000")
    with pytest.raises(Refused, match="bip45-p2sh"):
        loaded(tmp_path, GOOD + text)
    settings = loaded(tmp_path, GOOD + text.replace("bip45-p2wsh", "bip45-p2sh"))
    assert DOGECOIN.id in settings.networks
