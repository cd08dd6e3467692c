"""The simulator's command line and the words of its API."""

from __future__ import annotations

import argparse
import socket

import pytest

from keepcool.cli import devnet
from keepcool.core.errors import Malformed, Unavailable
from keepcool.devnet import asked
from keepcool.devnet.arguments import add, options_of
from keepcool.devnet.faults import Faults
from keepcool.devnet.ledger import Coin
from keepcool.devnet.rejections import CallError
from keepcool.devnet.server import HOST, Options, network_name, run

WHO = "Mx" + "ab" * 20


def options(*words: str) -> Options:
    parser = argparse.ArgumentParser()
    add(parser)
    return options_of(parser.parse_args(["--port", "1", *words]))


def test_reads_accounts_and_coins() -> None:
    """What is given before the first block, in every form."""
    found = options("--account", f"{WHO}=5", "--account", f"{WHO}=6:9", "--coin", "9:NINE:10:20").genesis
    assert found.balances == ((bytes.fromhex(WHO[2:]), 0, 5), (bytes.fromhex(WHO[2:]), 9, 6))
    assert found.coins == (Coin(9, "NINE", (10, 20)),)


@pytest.mark.parametrize(
    "words",
    [
        ("--account", "Mx00=5"),
        ("--account", WHO),
        ("--account", f"{WHO}=-1"),
        ("--account", f"{WHO}=1:8"),
        ("--coin", "NINE"),
        ("--coin", "9:NINE:1"),
        ("--price-coin", "8"),
    ],
)
def test_refuses_arguments_that_mean_nothing(words: tuple[str, ...]) -> None:
    """A wrong form and a coin that is not there are refused before anything starts."""
    with pytest.raises(Malformed):
        options(*words)


def test_the_command_is_registered() -> None:
    """keepcool devnet minter takes the same arguments as the module."""
    parser = argparse.ArgumentParser()
    devnet.register(parser.add_subparsers())
    found = parser.parse_args(["devnet", "minter", "--port", "7", "--block-ms", "0"])
    assert (found.port, found.chain_id, found.block_ms, found.data) == (7, 2, 0, None)


@pytest.mark.parametrize(
    ("chain_id", "name"),
    [(1, "minter-mainnet-simulator"), (2, "minter-testnet-simulator"), (9, "minter-simulator-9")],
)
def test_a_network_is_named_a_simulator(chain_id: int, name: str) -> None:
    """The chain's name says which network it plays and that it plays."""
    assert network_name(chain_id) == name


def test_reads_queries_of_tags() -> None:
    """One condition or several; anything else is 400."""
    assert asked.tags("tags.tx.to='ab' AND tx.height=5") == [("tx.to", "ab"), ("tx.height", "5")]
    for nonsense in ("", "tags.tx.to", "tags.tx.to='ab' OR tags.tx.to='cd'", "tags.tx.to='a' AND "):
        with pytest.raises(CallError):
            asked.tags(nonsense)


def test_faults_begin_one_by_one() -> None:
    """A change keeps the faults that it does not name."""
    found = Faults().changed({"stalled": True}).changed({"delay_ms": 5})
    assert (found.stalled, found.delay_ms, found.catching_up) == (True, 5, False)


def test_a_port_that_is_taken_is_named() -> None:
    """The simulator does not start beside somebody else and says which port is taken."""
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Unavailable, match=f"port {port} of {HOST} cannot be used"):
            run(Options(port))
