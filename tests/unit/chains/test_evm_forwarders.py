"""Forwarders' addresses and the calls that sweep them, and the compiled contracts they stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keepcool.chains.evm import contract_code, forwarders
from keepcool.chains.evm.address import ZERO, raw_of
from keepcool.chains.evm.forwarders import Flush, Item, forwarder_address, parse_flush
from keepcool.core.errors import KeepcoolError, Malformed
from tests.fixtures.forwarders import compiler

TREASURY = "0x41675C099F32341bf84BFc5382aF534df5C7461a"
TOKEN = "0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67"
FLUSH = Flush(TREASURY, (Item(0), Item(7, TOKEN), Item(2**31 - 1, TOKEN)))


@pytest.mark.slow
def test_the_code_kept_is_what_the_sources_give() -> None:
    """Compiled again by the pinned compiler, every byte of what the repository keeps is the same."""
    done = compiler("--check")
    assert done.returncode == 0, done.stderr


def test_the_factory_stands_where_its_own_code_puts_it() -> None:
    """The address is that of the code kept, made by the Safe singleton factory with a salt of zero."""
    made_of = b"\xff" + raw_of(forwarders.SINGLETON_FACTORY) + bytes(32)
    address = keccak(made_of + keccak(contract_code.FORWARDER_FACTORY_CREATION))[12:]
    assert to_checksum_address(address) == forwarders.FACTORY.address
    assert keccak(contract_code.FORWARDER_CREATION) == contract_code.FORWARDER_CREATION_KECCAK


def test_the_selectors_and_topics_are_those_of_the_source() -> None:
    """They come out of the signatures written in Solidity."""
    assert keccak(b"flush(address,uint256,bytes32[])")[:4] == forwarders.FLUSH
    assert keccak(b"Flushed(address,uint256,uint256)") == forwarders.FLUSHED
    assert keccak(b"Skipped(address,uint256,address)") == forwarders.SKIPPED


@pytest.mark.parametrize("index", [0, 1, 1000, 2**31 - 1])
def test_an_address_commits_to_treasury_and_index(index: int) -> None:
    """It is CREATE2 of the factory, salt keccak(abi.encode(treasury, index)) and the forwarder's code."""
    salt = keccak(encode(["address", "uint256"], [TREASURY, index]))
    made_of = b"\xff" + raw_of(forwarders.FACTORY.address) + salt
    expected = to_checksum_address(keccak(made_of + keccak(contract_code.FORWARDER_CREATION))[12:])
    assert forwarder_address(TREASURY, index) == expected
    assert forwarder_address(TOKEN, index) != expected


def test_a_flush_is_the_standard_encoding_and_reads_back() -> None:
    """eth-abi makes the same bytes, and they read back to the same flush."""
    items = [one.index.to_bytes(12, "big") + raw_of(one.token or ZERO) for one in FLUSH.items]
    plain = encode(["address", "uint256", "bytes32[]"], [TREASURY, FLUSH.gas_each, items])
    assert FLUSH.encoded() == forwarders.FLUSH + plain
    assert parse_flush(FLUSH.encoded()) == FLUSH


def test_a_changed_byte_is_another_flush_or_none() -> None:
    """No byte can change without being refused or read as what it then is."""
    data = FLUSH.encoded()
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1 :]
        try:
            read = parse_flush(changed)
        except KeepcoolError:
            continue
        assert read != FLUSH
        assert read.encoded() == changed


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: replace(FLUSH, items=()),
        lambda: replace(FLUSH, items=(Item(1), Item(1))),
        lambda: replace(FLUSH, items=tuple(map(Item, range(201)))),
        lambda: replace(FLUSH, items=(Item(2**31),)),
        lambda: replace(FLUSH, items=(Item(1, ZERO),)),
        lambda: replace(FLUSH, gas_each=0),
        lambda: replace(FLUSH, treasury=TREASURY.lower()),
    ],
)
def test_a_flush_the_factory_would_not_read_so_is_none(wrong: Callable[[], object]) -> None:
    """Nothing, too much, twice the same, indices and tokens that are none: refused where it is made."""
    with pytest.raises(Malformed):
        wrong()


def test_many_items_become_as_many_flushes_as_it_takes() -> None:
    """All are in, each once, none of the lots too large."""
    lots = forwarders.flushes(TREASURY, [*map(Item, range(450)), Item(3)])
    assert [len(one.items) for one in lots] == [200, 200, 50]
    assert [item.index for one in lots for item in one.items] == list(range(450))
