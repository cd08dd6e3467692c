"""A hundred withdrawals of a pool, from the first request to the one transaction in the node's pool.

A whole installation: HTTP API, ledger, batch, coin selection, both signers with journal and witness, Bitcoin
Core's rules, litecoind. It waits on purpose until a batch is full or `batch_s` is over: told beside it.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from bench.measure import Figure
from keepcool.chains.bitcoin.address import spell
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.client import profile
from keepcool.client.api import Client, awaited
from keepcool.core.errors import Unavailable
from keepcool.local import bitcoinplan, plan, start
from keepcool.local.bitcoinchain import COIN, DevBitcoin
from keepcool.local.bitcoinprogram import litecoind
from keepcool.local.running import running

PAYOUTS, AT_ONCE, GATHERED_S, WAIT_S = 100, 8, 2.0, 60.0
_ASSET = LITECOIN_REGTEST.asset


@dataclass(frozen=True, slots=True)
class _Took:
    requests_s: float
    whole_s: float
    vsize: int
    transactions: int


def batch() -> list[Figure]:
    try:
        program = litecoind()
    except Unavailable:
        return []
    with tempfile.TemporaryDirectory(prefix="keepcool-bench-") as text:
        folder = Path(text)
        (folder / "chain").mkdir()
        with DevBitcoin(program, folder / "chain") as chain:
            chain.fund(2)
            network = bitcoinplan.bitcoin_plan(
                LITECOIN_REGTEST.name, [chain.url], cookies=[str(chain.credentials)]
            )
            quick = replace(network, poll_ms=250, batch_s=GATHERED_S)
            asked = plan.Plan(folder / "kc", (quick,), plan.Ports.following(0))
            places = start.install_here(asked, lambda _: None)
            with (
                running(places, lambda _: None),
                profile.connect(places.operator / "operator.toml") as client,
            ):
                took = _paid(client, chain)
    return [
        Figure(f"{PAYOUTS} withdrawals asked for over HTTP", took.requests_s, "s"),
        Figure(
            f"{PAYOUTS} payouts, first request to broadcast", took.whole_s, "s",
            f"up to {GATHERED_S:g} s of it gathering; {took.transactions} transactions, "
            f"{took.vsize / PAYOUTS:.1f} vB a payout",
        ),
    ]  # fmt: skip


def _paid(client: Client, chain: DevBitcoin) -> _Took:
    pool = client.pools.make(LITECOIN_REGTEST.id, "bench", {}).wallet.id
    user = client.make_user("bench").id
    wallet = client.make_wallet(user, LITECOIN_REGTEST.id, kind="pooled", pool=pool)
    for _ in range(4):
        chain.pay(wallet.address, COIN)
    chain.mine(2)
    awaited(
        lambda: sum(int(one.available) for one in client.read.balances(wallet.id)),
        lambda found: found == 4 * COIN,
        WAIT_S,
        "the deposits are not credited",
    )
    to = [spell(LITECOIN_REGTEST, b"\x00\x14" + number.to_bytes(20, "big")) for number in range(PAYOUTS)]
    begin = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        asked = list(threads.map(lambda one: client.withdraw(wallet.id, _ASSET, 100_000, one).id, to))
    requests_s = time.perf_counter() - begin
    paid = awaited(lambda: _outputs(chain), lambda found: set(to) <= found.keys(), WAIT_S, "not all are paid")
    whole_s = time.perf_counter() - begin
    if len(set(asked)) != PAYOUTS:
        raise RuntimeError("a withdrawal was asked for twice")
    sizes = {paid[one] for one in to}
    return _Took(requests_s, whole_s, sum(size for _, size in sizes), len(sizes))


def _outputs(chain: DevBitcoin) -> dict[str, tuple[str, int]]:
    """By address the transaction in the pool that pays it, and its size."""
    found = {}
    for txid in chain.mempool():
        told = chain.ask("getrawtransaction", txid, 1)
        for output in told["vout"]:
            for address in output["scriptPubKey"].get("addresses", ()):
                found[str(address)] = (txid, int(told["vsize"]))
    return found
