"""What was found goes to one address, signed by two keys of three, or nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import wallycore

from keepcool.adapters.bitcoinkernel import scripts
from keepcool.chains.bitcoin import address
from keepcool.chains.bitcoin.psbt import encode_psbt, parse_psbt
from keepcool.chains.bitcoin.restoring import Backup
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.transaction import TxOutput, parse_transaction
from keepcool.core.errors import Malformed, Refused
from keepcool.local.restoring import scanning, sweeping
from keepcool.local.restoring.store import Store
from keepcool.local.restoring.sweeping import Terms
from tests.unit.local.restoring.samples import (
    COIN,
    NETWORK,
    MemoryChain,
    backup,
    kept,
    outside,
    payment,
    pool,
    script_at,
    segregated,
)
from tests.vectors import bitcoin

THIEF = b"\x00\x14" + 20 * b"\xb0"
TO, OTHER = address.spell(NETWORK, b"\x00\x14" + 20 * b"\xa1"), address.spell(NETWORK, THIEF)
TERMS = Terms(TO, 2_000, 50_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "restore.sqlite")
    yield opened
    opened.close()


def signed(raw: bytes, seed: int) -> bytes:
    """The draft with the signatures of one seed, by libwally from its key origins alone."""
    psbt = wallycore.psbt_from_bytes(raw, 0)
    master = wallycore.bip32_key_from_seed(bitcoin.SEEDS[seed], wallycore.BIP32_VER_TEST_PRIVATE, 0)
    wallycore.psbt_sign_bip32(psbt, master, wallycore.EC_FLAG_GRIND_R)
    return bytes(wallycore.psbt_to_bytes(psbt, 0))


def drafted(
    what: Backup, chain: MemoryChain, store: Store, terms: Terms = TERMS
) -> tuple[list[sweeping.Draft], list[sweeping.Left]]:
    height = asyncio.run(scanning.scan(what, chain, store, lambda _: None, 10))
    return sweeping.drafts(what, store, terms, height, entropy)


def entropy(size_bytes: int) -> bytes:
    return bytes(number % 251 for number in range(size_bytes))


def finished(files: Sequence[bytes], what: Backup, terms: Terms = TERMS) -> list[int]:
    """What the finished transactions pay."""
    finals = sweeping.finished(files, what, terms, 1_000, scripts.check)
    return [parse_transaction(one.raw).outputs[0].amount_sat for one in finals]


@pytest.mark.parametrize("kind", [ScriptKind.P2WSH, ScriptKind.P2SH_P2WSH, ScriptKind.P2SH])
@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2)])
def test_any_two_seeds_sweep(store: Store, kind: ScriptKind, pair: tuple[int, int]) -> None:
    """Whichever two of the three sign, everything less its fee arrives."""
    chain, wallet, own = MemoryChain(), segregated(3, kind), pool(kind)
    chain.mine(
        payment([outside(1)], (COIN, script_at(wallet, 2, 1, 4)), (2 * COIN, script_at(wallet, 0, 0, 0))),
        payment([outside(2)], (3 * COIN, script_at(own, 1, 0, 9))),
    )
    what = backup(kept("user", wallet), kept("pool", own))
    drafts, left = drafted(what, chain, store)
    assert [(one.wallet, len(one.selection.coins)) for one in drafts] == [("user", 2), ("pool", 1)]
    assert left == []
    files = [signed(one.built.raw, seed) for one in drafts for seed in pair]
    fees = [one.selection.fee_sat for one in drafts]
    assert finished(files, what) == [3 * COIN - fees[0], 3 * COIN - fees[1]]


def test_one_key_is_not_enough(store: Store) -> None:
    """A draft signed by one of three is refused, also when it is given twice."""
    chain = MemoryChain()
    chain.mine(payment([outside(1)], (COIN, script_at(segregated(0), 0, 0, 0))))
    drafts, _ = drafted(backup(), chain, store)
    once = signed(drafts[0].built.raw, 1)
    with pytest.raises(Malformed, match="needs 2"):
        finished([once, once], backup())


def test_nothing_goes_elsewhere(store: Store) -> None:
    """A draft that was altered to pay somebody else is refused, though two keys signed it."""
    chain = MemoryChain()
    chain.mine(payment([outside(1)], (COIN, script_at(segregated(0), 0, 0, 0))))
    drafts, _ = drafted(backup(), chain, store)
    psbt = parse_psbt(drafts[0].built.raw)
    (paid,) = psbt.tx.outputs
    altered = replace(psbt, tx=replace(psbt.tx, outputs=(TxOutput(paid.amount_sat, THIEF),)))
    files = [signed(encode_psbt(altered), seed) for seed in (0, 1)]
    with pytest.raises(Refused, match="alone"):
        finished(files, backup())
    assert finished(files, backup(), replace(TERMS, to=OTHER)), "the same two signatures, asked for"


def test_a_fee_has_a_bound_twice(store: Store) -> None:
    """A rate above its bound makes no draft, and a draft above it is not sent."""
    chain = MemoryChain()
    chain.mine(payment([outside(1)], (COIN, script_at(segregated(0), 0, 0, 0))))
    with pytest.raises(Refused, match="at most"):
        drafted(backup(), chain, store, Terms(TO, 60_000, 50_000))
    drafts, _ = drafted(backup(), chain, store, Terms(TO, 60_000, 60_000))
    files = [signed(drafts[0].built.raw, seed) for seed in (0, 1)]
    with pytest.raises(Malformed, match="per 1000 may be"):
        finished(files, backup())


def test_what_is_left_is_told(store: Store) -> None:
    """Dust and rewards that may not be spent yet are named, not dropped."""
    chain = MemoryChain()
    chain.mine(payment([outside(1)], (300, script_at(segregated(0), 0, 0, 0))))
    chain.mine(to=script_at(segregated(0), 0, 0, 1))
    drafts, left = drafted(backup(), chain, store)
    assert drafts == []
    assert [(one.coins, one.amount_sat) for one in left] == [(2, 50 * COIN + 300)]


@pytest.mark.slow
def test_many_coins_make_several_drafts(store: Store) -> None:
    """More coins than one transaction holds are swept by several, each coin once."""
    chain = MemoryChain()
    script = script_at(segregated(0), 0, 0, 0)
    chain.mine(*(payment([outside(number)], *[(COIN, script)] * 100) for number in range(5)))
    drafts, left = drafted(backup(), chain, store)
    spent = [coin.outpoint for one in drafts for coin in one.selection.coins]
    assert (len(drafts), len(spent), len(set(spent)), left) == (2, 500, 500, [])


def test_the_harbor_is_that_of_the_file(store: Store) -> None:
    """`harbor` stands for the address in the file, and for nothing when there is none."""
    chain = MemoryChain()
    chain.mine(payment([outside(1)], (COIN, script_at(segregated(0), 0, 0, 0))))
    with pytest.raises(Malformed, match="no harbor"):
        drafted(backup(), chain, store, replace(TERMS, to="harbor"))
    drafts, _ = drafted(replace(backup(), harbor=TO), chain, store, replace(TERMS, to="harbor"))
    again, _ = drafted(backup(), chain, store)
    assert drafts[0].built.tx.outputs == again[0].built.tx.outputs
