"""Block filters and spent outputs of a real node: read, used where they spare work, and caught lying."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.bitcoin.bip45 import RECEIVING
from keepcool.chains.bitcoin.filters import encoded, is_filtered
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.chains.bitcoin.restoring import backup_of, spelled_backup
from keepcool.chains.bitcoin.scanning import transactions_of
from keepcool.chains.bitcoin.transaction import parse_stripped
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.core.errors import KeepcoolError
from keepcool.local.bitcoinchain import COIN, DevLitecoin
from keepcool.ports.bitcoinnode import Spent
from tests.fixtures.bitcoinchain import running_litecoin
from tests.fixtures.bitcoinrecords import OWN, bitcoin_record
from tests.fixtures.lyingnode import Answer, LyingNode, Truth, result

pytestmark = pytest.mark.live
KEEPCOOL = str(Path(sys.executable).parent / "keepcool")
RECORD = bitcoin_record("filtered", profile=OWN)
BLOCKS = 120
T = TypeVar("T")


@pytest.fixture(scope="module")
def chain() -> Iterator[DevLitecoin]:
    """Two coins of ours, one of them spent again, in many empty blocks."""
    with running_litecoin("-blockfilterindex=1", "-txindex=1") as node:
        wallet = wallet_of(RECORD)
        for index in (0, 1):
            node.pay(wallet.address(wallet.place(RECEIVING, index)), COIN)
            node.mine(BLOCKS // 2)
        yield node


@pytest.fixture
def teller(chain: DevLitecoin) -> Iterator[LyingNode]:
    """The same node with `getblock 3`, as Bitcoin Core documents it: each input with the output it spends."""
    with LyingNode(chain).serving() as node:
        node.lies["help"] = result("getblock ... verbosity 3: ... prevout ...")
        node.lies["getblock"] = lambda params, truth: told(chain, params, truth)
        yield node


def told(chain: DevLitecoin, params: list[Any], truth: Truth) -> Answer:
    if params[1] != 3:
        return truth()
    block = chain.ask("getblock", params[0], 2)
    for one in block["tx"][1:]:
        for each in one["vin"]:
            before = chain.ask("getrawtransaction", each["txid"], True)
            each["prevout"] = before["vout"][each["vout"]] | {"generated": False, "height": 1}
    return {"result": block}


def asked(url: str, chain: DevLitecoin, ask: Callable[[HttpBitcoinNode], Awaitable[T]]) -> T:
    async def run() -> T:
        node = HttpBitcoinNode(LITECOIN_REGTEST, url, SystemClock(), credentials=chain.credentials)
        try:
            return await ask(node)
        finally:
            await node.close()

    return asyncio.run(run())


def paying(chain: DevLitecoin) -> str:
    """The last block that holds more than its reward; its hash."""
    hashes = (chain.ask("getblockhash", height) for height in range(chain.height(), 0, -1))
    return next(str(one) for one in hashes if len(chain.ask("getblock", one)["tx"]) > 1)


def scan(chain: DevLitecoin, folder: Path, *options: str, url: str = "") -> subprocess.CompletedProcess[str]:
    file = folder / "wallets.txt"
    file.write_text(spelled_backup(replace(backup_of([RECORD], LITECOIN_REGTEST), born_s=0)))
    words = ["restore", "bitcoin", "scan", "--descriptors", str(file), "--json", "--gap", "100"]
    words += ["--node", url or chain.url, "--cookie", str(chain.credentials), *options]
    return subprocess.run([KEEPCOOL, *words], capture_output=True, text=True, check=False, timeout=300)


def test_a_nodes_filters_are_those_made_here(chain: DevLitecoin, teller: LyingNode) -> None:
    """To the byte, of every block, from its raw bytes and what it spends."""
    hashes = [chain.ask("getblockhash", height) for height in range(chain.height() - BLOCKS, chain.height())]

    async def read(node: HttpBitcoinNode) -> list[tuple[bytes, list[Spent] | None]]:
        return [(await node.raw_block(one), await node.spent_outputs(one)) for one in hashes]

    assert asked(chain.url, chain, lambda node: node.capabilities()).filters
    filters = asked(chain.url, chain, lambda node: node.block_filters(hashes))
    assert len(set(filters)) > 2
    blocks = asked(teller.url, chain, read)
    for block_hash, there, (raw, spent) in zip(hashes, filters, blocks, strict=True):
        paid = [out.script for one in transactions_of(raw, LITECOIN_REGTEST) for out in outputs(one)]
        scripts = [*filter(is_filtered, paid), *(one.script for one in spent or [])]
        assert encoded(block_hash, scripts) == there
    assert asked(chain.url, chain, lambda node: node.block_filters(["ab" * 32])) == [None]


def test_a_node_without_filters_has_none() -> None:
    """It is asked, and says so."""
    with running_litecoin() as bare:
        assert not asked(bare.url, bare, lambda node: node.capabilities()).filters
        assert asked(bare.url, bare, lambda node: node.block_filters([bare.tip()])) == [None]
        assert asked(bare.url, bare, lambda node: node.spent_outputs(bare.tip())) is None


def test_what_a_block_spends_is_told_with_it(chain: DevLitecoin, teller: LyingNode) -> None:
    """Amounts and scripts of spent outputs without asking for the transactions that made them."""
    block_hash = paying(chain)
    spent = asked(teller.url, chain, lambda node: node.spent_outputs(block_hash))
    (txid,) = chain.ask("getblock", block_hash)["tx"][1:]
    inputs = chain.ask("getrawtransaction", txid, True)["vin"]
    made = [
        chain.ask("gettransaction", one["txid"], True, True)["decoded"]["vout"][one["vout"]] for one in inputs
    ]
    assert spent == [
        Spent(one["txid"], one["vout"], round(out["value"] * COIN), bytes.fromhex(out["scriptPubKey"]["hex"]))
        for one, out in zip(inputs, made, strict=True)
    ]


@pytest.mark.parametrize("url", ["node", "teller"])
def test_a_scan_by_filters_finds_what_a_scan_of_all_blocks_finds(
    chain: DevLitecoin, teller: LyingNode, tmp_path: Path, url: str
) -> None:
    """Few blocks are read, and the output says how many were not; with --no-filters none is left."""
    at = teller.url if url == "teller" else chain.url
    short = json.loads(scan(chain, tmp_path, "--state", str(tmp_path / "short"), url=at).stdout)
    whole = json.loads(scan(chain, tmp_path, "--state", str(tmp_path / "all"), "--no-filters", url=at).stdout)
    assert int(short["total_sat"]) == 2 * COIN
    assert short | {"blocks_unread": 0} == whole
    assert short["blocks_unread"] > chain.height() - 30


def test_a_node_that_lies_about_what_blocks_spend_ends_the_scan(
    chain: DevLitecoin, teller: LyingNode, tmp_path: Path
) -> None:
    """Other amounts, scripts or outpoints than the block's: nothing is found on their word."""

    def lie(params: list[Any], truth: Truth) -> Answer:
        answer = told(chain, params, truth)
        if params[1] == 3:
            for one in answer["result"]["tx"][1:]:
                one["vin"][0]["prevout"]["scriptPubKey"]["hex"] = "0020" + "ab" * 32
        return answer

    teller.lies["getblock"] = lie
    run = scan(chain, tmp_path, "--state", str(tmp_path / "state"), url=teller.url)
    assert run.returncode != 0
    assert "--no-filters" in run.stderr


def test_a_node_that_tells_nonsense_about_spent_outputs_is_told_so(
    chain: DevLitecoin, teller: LyingNode
) -> None:
    """An input without its output, or another block than the one asked for, is no answer."""
    block_hash = paying(chain)
    for lie in (
        lambda params, truth: truth() if params[1] != 3 else {"result": chain.ask("getblock", params[0], 2)},
        lambda params, truth: truth() if params[1] != 3 else told(chain, [chain.tip(), 3], truth),
    ):
        teller.lies["getblock"] = lie
        with pytest.raises(KeepcoolError) as refused:
            asked(teller.url, chain, lambda node: node.spent_outputs(block_hash))
        assert refused.value.code == "node.nonsense"


def outputs(stripped: bytes) -> tuple[Any, ...]:
    return parse_stripped(stripped).outputs
