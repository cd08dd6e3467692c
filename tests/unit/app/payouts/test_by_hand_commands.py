"""keepcool app withdrawal and coin: typed, refused and carried out in an App's own database."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepcool.app import main as app
from keepcool.app.coins import book
from keepcool.app.coins.tables import coin
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.cli import main
from tests.unit.app.http.test_config import GOOD
from tests.unit.app.http.test_config_bitcoin import BITCOIN

TXID = "ab" * 32
HERE = (TXID, 3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An App's configuration; one coin stands in its database."""
    made = tmp_path / "app.toml"
    made.write_text(GOOD + BITCOIN, encoding="utf-8")
    row = {
        "network": LITECOIN_REGTEST.id, "txid": TXID, "vout": 3, "source": "w", "cosigner": 0, "change": 0,
        "leaf": 0, "amount_sat": 5, "matures": 0, "coinbase": False, "own": False, "dust": False,
        "frozen": False, "gone": False, "seen_at_ms": 1,
    }  # fmt: skip
    app.with_books(made, lambda tx: tx.execute(coin.insert().values(**row)))
    return made


def typed(*words: str) -> int:
    return main.main(["app", *words])


def is_frozen(file: Path) -> bool:
    (one,) = app.with_books(file, lambda tx: book.get_coins(tx, LITECOIN_REGTEST.id, [HERE]))
    return one.frozen


def test_a_coin_is_frozen_and_thawed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It stays where it is, and may go again; both are said."""
    where = (f"{TXID.upper()}:3", "--network", LITECOIN_REGTEST.name, "--config", str(file))
    assert (typed("coin", "freeze", *where), is_frozen(file)) == (0, True)
    assert (typed("coin", "thaw", *where), is_frozen(file)) == (0, False)
    assert "stays where it is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("outpoint", "network", "said"),
    [
        (f"{TXID}:4", LITECOIN_REGTEST.name, "coins.unknown"),
        (TXID, LITECOIN_REGTEST.name, "coins.outpoint"),
        ("ab:3", LITECOIN_REGTEST.name, "transaction.id"),
        (f"{TXID}:3", "dogecoin", "network.unknown"),
    ],
)
def test_what_is_no_coin_is_refused_and_nothing_changes(
    file: Path, capsys: pytest.CaptureFixture[str], outpoint: str, network: str, said: str
) -> None:
    """Another coin, no coin, no id, no network of this App: said, and the one coin may still be spent."""
    assert typed("coin", "freeze", outpoint, "--network", network, "--config", str(file)) != 0
    assert said in capsys.readouterr().err
    assert not is_frozen(file)


def test_what_is_no_withdrawal_is_not_settled(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody asked for it, or the transaction's id is none: said, before any node is asked."""
    for txid, said in ((TXID, "withdrawal.not_found"), ("12", "transaction.id")):
        words = ("withdrawal", "settle", "nobody", "--txid", txid, "--config", str(file))
        assert typed(*words) != 0
        assert said in capsys.readouterr().err
