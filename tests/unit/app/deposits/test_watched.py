"""A million watched addresses: small, loaded once, and a block is matched in no time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.app.deposits.matching import EXECUTED, SAFE_RECEIVED, TRANSFER, match
from keepcool.app.deposits.records import Kind
from keepcool.app.deposits.watched import Watched
from keepcool.chains.evm.address import raw_of
from keepcool.chains.keccak import keccak256
from keepcool.core.ids import AssetId
from keepcool.ports.evmnode import Block, Header, Log
from tests.fixtures.chain import address_number
from tests.unit.app.deposits.office import NATIVE, NETWORK, Office

pytestmark = pytest.mark.usefixtures("both_engines")

TOKEN = raw_of(address_number(1000))
ASSET = AssetId(f"{NETWORK}/erc20:{address_number(1000)}")
HASH = b"\x01" * 32
EMPTY = Block(Header(1, HASH, bytes(32), 0, 0, 0), ())
OURS, THEIRS = b"\x00" * 16 + b"ours", b"\x11" * 20


def transfer(sender: bytes, to: bytes, units: int = 5, *, token: bytes = TOKEN, size: int = 32) -> Log:
    topics = (TRANSFER, bytes(12) + sender, bytes(12) + to)
    return Log(token, topics, units.to_bytes(size, "big"), 3, HASH, 1, HASH)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


def test_event_names_are_their_signatures_hashes() -> None:
    """The topics written out are the Keccak-256 of the events' signatures."""
    for topic, signature in (
        (TRANSFER, "Transfer(address,address,uint256)"),
        (SAFE_RECEIVED, "SafeReceived(address,uint256)"),
        (EXECUTED, "ExecutionSuccess(bytes32,uint256)"),
    ):
        assert topic == keccak256(signature.encode())


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("to somebody else", transfer(THEIRS, THEIRS[:19] + b"\x12")),
        ("of nothing", transfer(THEIRS, OURS, 0)),
        ("to oneself", transfer(OURS, OURS)),
        ("of an unlisted token", transfer(THEIRS, OURS, token=THEIRS)),
        ("with an amount of 31 bytes", transfer(THEIRS, OURS, size=31)),
    ],
)
def test_is_no_deposit(name: str, log: Log) -> None:
    """A transfer that is not one to us, in its exact form, is nobody's deposit."""
    found = match(EMPTY, [log], [], watched={OURS: 1}, native=NATIVE, tokens={TOKEN: ASSET})
    assert found.incoming == ()


def test_a_topic_with_bits_above_the_address_is_no_deposit() -> None:
    """An address is 20 bytes: a log whose topic carries more is another token's invention."""
    good = transfer(THEIRS, OURS)
    bad = Log(TOKEN, (*good.topics[:2], b"\x01" + good.topics[2][1:]), good.data, 3, HASH, 1, HASH)
    found = match(EMPTY, [good, bad], [], watched={OURS: 1}, native=NATIVE, tokens={TOKEN: ASSET})
    assert [(one.kind, one.units) for one in found.incoming] == [(Kind.TRANSFER, 5)]


def test_new_and_late_wallets_join(office: Office) -> None:
    """`refresh` takes up new rows, and rows that had no address when it read them."""
    watched = Watched(NETWORK)
    first, late = office.issue("w1", address_number(1)), office.issue("w2", None)
    assert office.store.transact(watched.refresh)
    assert list(watched.numbers.values()) == [1]
    office.issue("w3", address_number(3))
    office.attest(late, address_number(2))
    assert office.store.transact(watched.refresh)
    assert watched.numbers == {raw_of(address_number(number)): number for number in (1, 2, 3)}
    assert first != late


def test_a_million_addresses_fit_and_match_in_time() -> None:
    """At most 300 bytes per address, and 2,000 logs against them take at most 20 ms of a core."""
    size = 1_000_000
    numbers = {n.to_bytes(20, "big"): n for n in range(1, size + 1)}
    parts = sys.getsizeof(next(iter(numbers))) + sys.getsizeof(size)
    assert sys.getsizeof(numbers) / size + parts <= 300
    logs = [transfer(THEIRS, (n * 499).to_bytes(20, "big")) for n in range(1, 2001)]
    times = []
    for _ in range(5):
        start = time.thread_time()
        found = match(EMPTY, logs, [], watched=numbers, native=NATIVE, tokens={TOKEN: ASSET})
        times.append(time.thread_time() - start)
    assert len(found.incoming) == 2000
    assert min(times) <= 0.020
