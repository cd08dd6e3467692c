"""The story on Litecoin's regtest: users' wallets and a pool, coins in, coins out, a payment that is raised.

Law: each step checks on the chain what it tells; the first thing that is not so ends the story with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keepcool.client.api import Wallet, awaited
from keepcool.client.models import Withdrawal
from keepcool.demo import bitcoin_pool
from keepcool.demo.closing import Line
from keepcool.demo.stage import BitcoinScene
from keepcool.demo.telling import WAIT_S, Tell, confirmed, holds, until_available

COIN = 10**8


@dataclass(frozen=True, slots=True)
class Cast:
    """Two users with wallets of their own."""

    erin: Wallet
    frank: Wallet


def play(stage: BitcoinScene, tell: Tell) -> Callable[[], list[Line]]:
    """All of it, in order; what the books and the chain say is asked for at the end. Raises Breach when
    something told is not so."""
    cast = meet(stage, tell)
    deposit(stage, cast, tell)
    withdraw(stage, cast.erin, tell)
    transfer(stage, cast, tell)
    raise_fee(stage, cast.erin, tell)
    of_pool = bitcoin_pool.play(stage, tell)
    return lambda: [*_lines(stage, cast), *of_pool()]


def meet(stage: BitcoinScene, tell: Tell) -> Cast:
    client = stage.client
    erin, frank = (
        client.make_wallet(client.make_user(name).id, stage.network, f"{name}-1", kind="segregated")
        for name in ("erin", "frank")
    )
    for name, wallet in (("Erin", erin), ("Frank", frank)):
        tell(f"{name}'s address {wallet.address}: attested by Keeper and Cooler, verified by the client.")
    return Cast(erin, frank)


def deposit(stage: BitcoinScene, cast: Cast, tell: Tell) -> None:
    for coins in (2, 1):
        stage.chain.pay(cast.erin.address, coins * COIN)
    stage.chain.pay(cast.frank.address, COIN)
    until_available(stage.client, cast.erin, stage.coin, 3 * COIN)
    until_available(stage.client, cast.frank, stage.coin, COIN)
    tell("Credited: coins of 2 and 1 LTC to Erin, 1 LTC to Frank, once a block had them.")


def withdraw(stage: BitcoinScene, erin: Wallet, tell: Tell) -> None:
    outside = stage.chain.new_address()
    asked = stage.client.withdraw(erin.id, stage.coin, COIN // 2, outside)
    paid = confirmed(stage.client.settled(asked.id, WAIT_S))
    holds(stage.chain.balance(outside) == COIN // 2, "0.5 LTC arrived")
    tell(f"Paid 0.5 LTC: hot and cool signed, Erin's wallet paid {paid.fee_paid} sat, tx {paid.transaction}")


def transfer(stage: BitcoinScene, cast: Cast, tell: Tell) -> None:
    client, erin, frank = stage.client, cast.erin, cast.frank
    confirmed(client.settled(client.transfer(erin.id, frank.id, stage.coin, COIN // 4).id, WAIT_S))
    until_available(client, frank, stage.coin, COIN + COIN // 4)
    tell("Erin to Frank, 0.25 LTC: a transaction from one wallet to the other, credited like any deposit.")


def raise_fee(stage: BitcoinScene, erin: Wallet, tell: Tell) -> None:
    outside = stage.chain.new_address()
    with stage.blocks.none():
        asked = stage.client.withdraw(erin.id, stage.coin, COIN // 10, outside)
        _one_of_several_waits(stage, asked)
    paid = confirmed(stage.client.settled(asked.id, WAIT_S))
    holds(stage.chain.balance(outside) == COIN // 10, "paid once")
    tell(
        "No block comes: a dearer transaction of the same coins, signed with the first, takes its place: "
        f"0.1 LTC, paid once, for {paid.fee_paid} sat."
    )


def _one_of_several_waits(stage: BitcoinScene, asked: Withdrawal) -> None:
    """Until more than one was sent, and the node has one of them left."""

    def waiting() -> tuple[int, int]:
        sent = set(stage.client.withdrawal(asked.id).transactions)
        return len(sent), len(sent & stage.chain.mempool())

    awaited(waiting, lambda found: found[0] > 1 and found[1] == 1, WAIT_S, f"{asked.id} was not raised")


def _lines(stage: BitcoinScene, cast: Cast) -> list[Line]:
    """What the node itself finds under each wallet's descriptors, beside the books."""
    lines = []
    for who, wallet in (("Erin", cast.erin), ("Frank", cast.frank)):
        totals = {one.asset: int(one.total) for one in stage.client.read.balances(wallet.id)}
        lines.append(Line(who, "LTC", totals.get(stage.coin, 0), stage.found(wallet.record)))
    return lines
