"""Every transaction of a block is stepped through, of every network, or the block is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.chains.bitcoin.compact import sized
from keepcool.chains.bitcoin.network_table import DASH, DOGECOIN, LITECOIN, LITECOIN_REGTEST
from keepcool.chains.bitcoin.transaction import encode, encode_outpoint, encode_stripped
from keepcool.core.errors import Malformed
from keepcool.local.restoring.blocks import walk
from tests.unit.local.restoring.samples import COIN, MINER, MemoryChain, outside, payment

WITNESSED = payment([outside(1), outside(2)], (COIN, MINER), (7, b"\x6a" + bytes(300)))
LEGACY = payment([outside(3)], (2 * COIN, MINER), witness=False)


def block(*txs: bytes, header: bytes = bytes(80)) -> bytes:
    return header + bytes((len(txs),)) + b"".join(txs)


def test_a_block_is_walked_whole() -> None:
    """Ids, outpoints, amounts and scripts are those of the transactions in it; the first one mints."""
    chain = MemoryChain()
    ids = chain.mine(WITNESSED, LEGACY)
    found = list(walk(chain.raws[0], LITECOIN_REGTEST))
    assert [one.txid for one in found] == ids
    assert [one.coinbase for one in found] == [True, False, False]
    assert found[1].spends == tuple(encode_outpoint(one.outpoint) for one in WITNESSED.inputs)
    assert found[1].pays == tuple((one.amount_sat, one.script) for one in WITNESSED.outputs)
    assert found[1].stripped == encode_stripped(WITNESSED)


@pytest.mark.parametrize("cut", [1, 4, 30, 120])
def test_a_block_that_ends_early_is_refused(cut: int) -> None:
    """Fewer bytes are an error, never fewer coins."""
    chain = MemoryChain()
    chain.mine(WITNESSED, LEGACY)
    with pytest.raises(Malformed):
        list(walk(chain.raws[0][:-cut], LITECOIN_REGTEST))


def test_an_extension_block_is_stepped_over() -> None:
    """Litecoin's last transaction of a block bears a mark; the id is that of the rest, what follows is not
    read, and a transaction that carries a part of an extension block refuses the block."""
    bare = encode_stripped(LEGACY)
    hogex = bare[:4] + b"\x00\x08" + bare[4:-4] + b"\x00" + bare[-4:]
    first, last = walk(block(encode(WITNESSED), hogex) + b"\x01 an extension block", LITECOIN)
    assert (first.txid, last.txid) == (WITNESSED.txid, LEGACY.txid)
    with pytest.raises(Malformed):
        list(walk(block(hogex[:-5] + b"\x01" + hogex[-4:]), LITECOIN))


def test_a_payload_is_part_of_the_id() -> None:
    """Dash's special transactions carry a payload behind their end."""
    special = replace(LEGACY, version=3 | 5 << 16)
    raw = encode(special) + sized(bytes(range(70)))
    found = list(walk(block(raw, encode(LEGACY)), DASH))
    assert [one.stripped for one in found] == [raw, encode(LEGACY)]


def test_a_merged_mined_header_is_stepped_over() -> None:
    """Dogecoin's header is followed by its proof in another network's block."""
    header = b"\x04\x01\x62\x00" + bytes(76)
    proof = encode(LEGACY) + bytes(32) + b"\x02" + bytes(64 + 4) + b"\x01" + bytes(32 + 4) + bytes(80)
    raw = block(encode(LEGACY), header=header + proof)
    assert [one.txid for one in walk(raw, DOGECOIN)] == [LEGACY.txid]
