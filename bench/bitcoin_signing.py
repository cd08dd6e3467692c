"""Drafts of twenty inputs through a whole signer, beside embit's and BitGo utxo-lib's bare signing.

Through a signer: envelope, proof of every amount and of the change, all rules, journal, witness, keystore,
twenty derived keys, twenty signatures, answer. The libraries read the same draft, sign and write it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from embit.bip32 import HDKey
from embit.psbt import PSBT

from bench.bitcoin_drafts import FEE_SAT_MAX, INPUTS, PAID_SAT, RECIPIENT_SCRIPT, draft
from bench.bitcoin_wallets import SEEDS, WALLET
from bench.measure import Figure, side_by_side
from bench.rig import Rig, issued, signed
from keepcool.chains.bitcoin import address
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.core.errors import Unavailable
from keepcool.core.ids import IntentId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.wire.messages import SignItem

PROFILE = "bip45-p2wsh"
REQUEST, REQUESTS, IN_FLIGHT, PEER_DRAFTS, ROUNDS, SINGLES = 20, 6, 3, 5, 3, 30
_SCRIPT = Path(__file__).with_name("bitcoin_peer.cjs")


async def cosigning(rig: Rig) -> list[Figure]:
    """Inputs signed per second."""
    peers = await asyncio.to_thread(_peers)
    (record,) = await issued(rig, [f"b-{rig.entropy(8).hex()}"], LITECOIN_REGTEST.id, PROFILE)
    figures = [Figure(name, rate, "in/s") for name, rate in peers.items()]
    embit, bitgo = peers.values()
    for signer in (Service.COOLER, Service.KEEPER):
        rate = await _rate(rig, signer, record)
        unseen = await _rate(rig, signer, record, fresh=True)
        alone, beside = await _alone(rig, signer, record)
        figures += [
            Figure(
                f"{signer}: drafts of {INPUTS} inputs, {REQUEST} a request", rate, "in/s",
                f"{rate / embit:.2f} x embit, {rate / bitgo:.1f} x utxo-lib",
                ">= 2 x embit, >= 8 x utxo-lib", rate >= 2 * embit and rate >= 8 * bitgo,
            ),
            Figure(
                f"{signer}: the same, at addresses it has not met", unseen, "in/s",
                f"{unseen / embit:.2f} x embit, {unseen / bitgo:.1f} x utxo-lib",
            ),
            Figure(
                f"{signer}: one such draft alone, request to answer", alone * 1000, "ms",
                f"{beside / alone:.2f} x embit in turn",
            ),
        ]  # fmt: skip
    return figures


async def _alone(rig: Rig, signer: Service, record: WalletRecord) -> tuple[float, float]:
    """Seconds for a lone request and for embit with one draft, in turn."""
    items = await asyncio.to_thread(_items, rig, record, SINGLES, fresh=True)
    root, drafts = HDKey.from_seed(SEEDS[0]), [draft(WALLET, 0)]
    asked, embit = [], []
    for item in items:
        begin = time.perf_counter()
        await signed(rig, signer, [item])
        answered = time.perf_counter()
        _embit(root, drafts)
        asked.append(answered - begin)
        embit.append(time.perf_counter() - answered)
    return median(asked), median(embit)


async def _rate(rig: Rig, signer: Service, record: WalletRecord, *, fresh: bool = False) -> float:
    items = await asyncio.to_thread(_items, rig, record, REQUEST * REQUESTS, fresh=fresh)
    groups = [items[at : at + REQUEST] for at in range(0, len(items), REQUEST)]
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(group: list[SignItem]) -> None:
        async with gate:
            await signed(rig, signer, group)

    begin = time.perf_counter()
    await asyncio.gather(*map(one, groups))
    return INPUTS * len(items) / (time.perf_counter() - begin)


def _items(rig: Rig, record: WalletRecord, count: int, *, fresh: bool = False) -> list[SignItem]:
    """All of the same twenty addresses, whose keys a signer derives once, or each of addresses of its own."""
    wallet = wallet_of(record)
    first = int.from_bytes(rig.entropy(3), "big") if fresh else 0
    recipient = address.spell(LITECOIN_REGTEST, RECIPIENT_SCRIPT)
    asset = LITECOIN_REGTEST.asset
    return [
        SignItem(
            intent=Intent(
                intent=IntentId(rig.entropy(12).hex()),
                purpose=Purpose.PAY,
                network=LITECOIN_REGTEST.id,
                source=record.wallet,
                outputs=(Output(recipient, Amount(asset, PAID_SAT)),),
                fee_max=Amount(asset, FEE_SAT_MAX),
                expires_at_s=rig.clock.now_ms() // 1000 + 3600,
            ).encoded(),
            draft=draft(wallet.bip45, wallet.hot_branch, first + INPUTS * number if fresh else 0),
        )
        for number in range(count)
    ]


def _peers() -> dict[str, float]:
    """Both sign with one key of the same drafts."""
    drafts = [draft(WALLET, 0) for _ in range(PEER_DRAFTS)]
    root = HDKey.from_seed(SEEDS[0])
    with _utxo_lib(drafts) as utxo_lib:
        rates = side_by_side({"embit": partial(_embit, root, drafts), "utxo-lib": utxo_lib}, ROUNDS)
    names = {"embit": "embit: read, sign, write", "utxo-lib": "@bitgo/utxo-lib: read, sign, write"}
    return {names[name]: INPUTS * rate for name, rate in rates.items()}


def _embit(root: HDKey, drafts: list[bytes]) -> int:
    for raw in drafts:
        psbt = PSBT.parse(raw)
        if psbt.sign_with(root) != INPUTS:
            raise RuntimeError("embit does not sign the drafts of the benchmark")
        psbt.serialize()
    return len(drafts)


@contextmanager
def _utxo_lib(drafts: list[bytes]) -> Iterator[Callable[[], int]]:
    node = shutil.which("node")
    if node is None or not (_SCRIPT.parent.parent / "node_modules" / "@bitgo" / "utxo-lib").is_dir():
        text = "BitGo's utxo-lib is not installed: run `make setup` with Node.js 18 or newer"
        raise Unavailable("bench.node", text)
    asked = json.dumps({"seed": SEEDS[0].hex(), "psbts": [raw.hex() for raw in drafts]})
    with subprocess.Popen(
        [node, str(_SCRIPT), asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        pipe_in, pipe_out = process.stdin, process.stdout
        if pipe_in is None or pipe_out is None:
            raise RuntimeError("no pipes")

        def done() -> int:
            pipe_in.write(f"{len(drafts)}\n")
            if pipe_out.readline().strip() != "1":
                raise Unavailable("bench.node", "utxo-lib does not sign the drafts of the benchmark")
            return len(drafts)

        try:
            yield done
        finally:
            pipe_in.close()
