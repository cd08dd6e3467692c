"""The story of both modes side by side on an EVM chain: a Safe for each user, or one treasury for many.

Law: each step checks on the chain what it tells; the first thing that is not so ends the story with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keepcool.chains.evm.wallets import CREATE_PROXY
from keepcool.client.api import Wallet, awaited
from keepcool.demo.closing import Line
from keepcool.demo.stage import EvmScene
from keepcool.demo.telling import WAIT_S, Tell, confirmed, holds, until_available

COIN = 10**18
DEPOSIT, PAID = COIN // 5, COIN // 20
_DEPLOYS = "0x" + CREATE_PROXY.hex()


@dataclass(frozen=True, slots=True)
class Cast:
    """Who has a Safe of his own, two users of the pool, and the pool's id and treasury."""

    wanda: Wallet
    xenia: Wallet
    yusuf: Wallet
    pool: str
    treasury: str


def play(stage: EvmScene, tell: Tell) -> Callable[[], list[Line]]:
    """As `evm.play`, of which it is the second half."""
    alone, made, wanda = own_safe(stage)
    cast = open_pool(stage, wanda, tell)
    together, _ = _gas(stage, lambda: swept_and_paid(stage, cast, tell))
    share(stage, cast, tell)
    tell(
        f"Side by side, a deposit and a payment of a new user: {alone + made} gas with a Safe of its own,"
        f" {made} of it to deploy that; {together // 2} in the pool, whose treasury is deployed once."
    )
    return lambda: _lines(stage, cast)


def own_safe(stage: EvmScene) -> tuple[int, int, Wallet]:
    """What the purse used for a first payment out of a wallet of one's own, and for its making."""
    client = stage.client
    wanda = client.make_wallet(client.make_user("wanda").id, stage.network, "wanda-1")
    stage.chain.fund(wanda.address, DEPOSIT)
    until_available(client, wanda, stage.eth, DEPOSIT)
    outside = stage.chain.accounts()[5]

    def pay() -> None:
        asked = client.withdraw(wanda.id, stage.eth, PAID, outside)
        confirmed(client.settled(asked.id, WAIT_S))

    return (*_gas(stage, pay), wanda)


def open_pool(stage: EvmScene, wanda: Wallet, tell: Tell) -> Cast:
    client = stage.client
    pool = client.pools.make(stage.network, "treasury", {}).wallet
    xenia, yusuf = (
        client.make_wallet(client.make_user(name).id, stage.network, f"{name}-1", kind="pooled", pool=pool.id)
        for name in ("xenia", "yusuf")
    )
    holds(xenia.record == yusuf.record and xenia.address != yusuf.address, "one record, two addresses")
    holds(not stage.chain.has_code(xenia.address), "nothing stands at a new address")
    tell(
        f"A pool with the treasury {pool.address}, a Safe like others. Xenia and Yusuf have addresses"
        " of it without any key: forwarders, which can pay the treasury alone. Both signers derived them."
    )
    return Cast(wanda, xenia, yusuf, pool.id, pool.address or "")


def swept_and_paid(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    client, treasury = stage.client, cast.treasury
    for wallet in (cast.xenia, cast.yusuf):
        stage.chain.fund(wallet.address, DEPOSIT)
        until_available(client, wallet, stage.eth, DEPOSIT)
    awaited(
        lambda: stage.chain.balance(treasury),
        lambda found: found == 2 * DEPOSIT,
        WAIT_S,
        "the deposits were not swept",
    )
    tell("0.2 ETH to each, credited where they came in, and swept to the treasury; the ledger did not move.")
    outside = [stage.chain.accounts()[number] for number in (6, 7)]
    before = [stage.chain.balance(to) for to in outside]
    asked = [
        client.withdraw(wallet.id, stage.eth, PAID, to)
        for wallet, to in zip((cast.xenia, cast.yusuf), outside, strict=True)
    ]
    paid = [confirmed(client.settled(one.id, WAIT_S)) for one in asked]
    for to, was in zip(outside, before, strict=True):
        holds(stage.chain.balance(to) - was == PAID, "each got what is his")
    count = len({one.transaction for one in paid})
    tell(f"Two withdrawals of 0.05 ETH, paid by the treasury in {count} transaction{'s' * (count > 1)}.")


def share(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    stage.client.transfer(cast.xenia.id, cast.yusuf.id, stage.eth, PAID)
    until_available(stage.client, cast.yusuf, stage.eth, DEPOSIT)
    tell("Xenia to Yusuf, 0.05 ETH: an entry in the ledger, at once, without transaction or fee.")


def _gas(stage: EvmScene, work: Callable[[], None]) -> tuple[int, int]:
    """What transactions of the purse have used meanwhile, those that deployed a Safe apart."""
    purse, first = stage.purse().address.lower(), stage.chain.height() + 1
    work()
    used = {True: 0, False: 0}
    for number in range(first, stage.chain.height() + 1):
        block = stage.chain.ask("eth_getBlockByNumber", hex(number), True)  # noqa: FBT003 - JSON-RPC
        for one in block["transactions"]:
            if one["from"] == purse:
                told = stage.chain.ask("eth_getTransactionReceipt", one["hash"])
                used[one["input"].startswith(_DEPLOYS)] += int(told["gasUsed"], 16)
    return used[False], used[True]


def _lines(stage: EvmScene, cast: Cast) -> list[Line]:
    pool, places = stage.client.pools.show(cast.pool), (cast.treasury, cast.xenia.address, cast.yusuf.address)
    wanda = {one.asset: int(one.total) for one in stage.client.read.balances(cast.wanda.id)}
    return [
        Line("Wanda", "ETH", wanda.get(stage.eth, 0), stage.chain.balance(cast.wanda.address)),
        Line("Treasury", "ETH", int(pool.booked), sum(map(stage.chain.balance, places))),
    ]
