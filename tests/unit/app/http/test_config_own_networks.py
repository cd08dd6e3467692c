"""A network that this release does not ship: its row stands in App's TOML, and everything follows from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.app.coins import watching
from keepcool.app.config import BitcoinSettings, bitcoin_row
from keepcool.app.pools.desk import check_marks
from keepcool.app.pools.rows import Marks
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST, SHIPPED, one_row
from keepcool.chains.family import terms_of
from keepcool.core.errors import Breach, Malformed, Refused
from keepcool.core.ids import NetworkId
from tests.unit.app.http.test_config import GOOD, loaded
from tests.unit.app.http.test_config_bitcoin import BITCOIN, ID
from tests.unit.chains.bitcoin.records import record_of
from tests.unit.chains.test_families import FORK, MINE, NETWORK

ROW = FORK.decode().replace("[[network]]", f'[networks."{NETWORK}".row]')
TABLE = BITCOIN.replace(LITECOIN_REGTEST.asset, f"{NETWORK}/slip44:9999").replace(ID, NETWORK)
TEXT = GOOD + TABLE + ROW


def test_a_row_is_all_a_network_needs(tmp_path: Path) -> None:
    """App knows the network as its signers do, beside all that are shipped."""
    settings = loaded(tmp_path, TEXT)
    table = settings.networks[NETWORK]
    assert isinstance(table, BitcoinSettings)
    row = bitcoin_row(NETWORK, table)
    assert (row.id, row.name, row.hrp) == (NETWORK, "mycoin", "myc")
    assert row.confirmations == ((0, 3), (1_000_000, 9))
    assert settings.families.networks.of(NETWORK) == MINE.networks.of(NETWORK)
    assert all(settings.families.networks.of(one.id) == one for one in SHIPPED)


def test_its_wallets_are_watched_and_its_addresses_read(tmp_path: Path) -> None:
    """An address is derived and a harbor read with the row; without it neither is."""
    families = loaded(tmp_path, TEXT).families
    record = replace(record_of(number=4), network=NETWORK)
    record = replace(record, address=families.named("bitcoin").derive_address(terms_of(record)))
    marks = Marks(high=0, target=0, low=0, harbor=record.address)
    watching.check_address(record, families.networks)
    check_marks(NETWORK, marks, families)
    with pytest.raises(Breach, match="makes no wallet"):
        watching.check_address(record)
    with pytest.raises(Malformed, match="no row describes"):
        check_marks(NETWORK, marks, loaded(tmp_path, GOOD + BITCOIN).families)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (TEXT.replace(ROW, ""), "no row"),
        (TEXT.replace('genesis = "ab', 'genesis = "cd'), "its genesis is another"),
        (TEXT.replace('name = "mycoin"', 'name = "litecoin"'), "one name or one genesis"),
        (TEXT.replace("block_s = 60", "block_s = 0"), "block_s"),
        (TEXT.replace("block_s = 60", "speed = 60"), "speed"),
        (TEXT.replace("p2sh = [51]\n", ""), "p2sh"),
        (TEXT.replace('hrp = "myc"', 'hrp = ""'), "bip45-p2sh"),
    ],
)
def test_a_row_that_is_wrong_keeps_app_from_starting(tmp_path: Path, text: str, word: str) -> None:
    """It is named, and nothing of the file is taken."""
    with pytest.raises(Refused, match=r"config\.") as caught:
        loaded(tmp_path, text)
    assert word in str(caught.value)


def test_a_row_is_of_the_network_that_was_asked_for() -> None:
    """The half of the genesis that names the network is compared with the row's."""
    plain = {
        "name": "mycoin",
        "symbol": "MYC",
        "genesis": "ab" * 32,
        "coin_type": 1,
        "p2pkh": [50],
        "p2sh": [51],
        "hrp": "",
        "key_versions": ["0488b21e"],
        "dust_rate": 1,
        "fee_rate_min": 1,
        "confirmations": [[0, 1]],
        "block_s": 1,
    }
    assert one_row(plain, NETWORK).name == "mycoin"
    with pytest.raises(Malformed, match="its genesis is another"):
        one_row(plain, NetworkId("bip122:" + "cd" * 16))
