"""The story on Minter: wallets that a transaction makes, coins in, coins out, fees paid by each wallet.

Law: each step checks on the chain what it tells; the first thing that is not so ends the story with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keepcool.client.api import Wallet
from keepcool.client.http import fresh_key
from keepcool.core.faults import FaultPoint
from keepcool.demo.closing import Line
from keepcool.demo.stage import MinterScene
from keepcool.demo.telling import WAIT_S, Tell, confirmed, holds, until_available

COIN = 10**18
OUTSIDE = "Mx" + 20 * "a1"


@dataclass(frozen=True, slots=True)
class Cast:
    """The two users' wallets."""

    carol: Wallet
    dave: Wallet


def play(stage: MinterScene, tell: Tell) -> Callable[[], list[Line]]:
    """All of it, in order; what the books and the chain say is asked for at the end. Raises Breach when
    something told is not so."""
    fill_purse(stage, tell)
    cast = meet(stage, tell)
    deposit(stage, cast, tell)
    withdraw(stage, cast, tell)
    transfer(stage, cast, tell)
    pay_many(stage, cast, tell)
    ask_twice(stage, cast, tell)
    kill_cooler(stage, cast, tell)
    return lambda: _lines(stage, cast)


def fill_purse(stage: MinterScene, tell: Tell) -> None:
    purse = stage.purse()
    stage.chain.fund(purse.address, 1000 * COIN)
    tell(f"Minter: the account {purse.address} (Keeper's, to make wallets) gets 1000 MNT from outside.")


def meet(stage: MinterScene, tell: Tell) -> Cast:
    client = stage.client
    carol, dave = (
        client.make_wallet(client.make_user(name).id, stage.network, f"{name}-1", timeout_s=WAIT_S)
        for name in ("carol", "dave")
    )
    for name, wallet in (("Carol", carol), ("Dave", dave)):
        threshold, owners = stage.chain.multisig(wallet.address)
        holds((threshold, len(owners)) == (2, 3), "the chain has a wallet of three owners and threshold two")
        tell(
            f"{name}'s address {wallet.address}: on chain, its owners read there by Cooler, attested by both."
        )
    holds(_owners(stage, carol).isdisjoint(_owners(stage, dave)), "no two wallets share an owner")
    tell("No two wallets share an owner, so no signature of one is worth anything for the other.")
    return Cast(carol, dave)


def deposit(stage: MinterScene, cast: Cast, tell: Tell) -> None:
    stage.chain.fund(cast.carol.address, 500 * COIN)
    stage.chain.fund(cast.dave.address, 100 * COIN)
    until_available(stage.client, cast.carol, stage.coin, 500 * COIN)
    until_available(stage.client, cast.dave, stage.coin, 100 * COIN)
    tell("Credited: 500 MNT to Carol, 100 MNT to Dave. One block is final on Minter.")


def withdraw(stage: MinterScene, cast: Cast, tell: Tell) -> None:
    client, before = stage.client, stage.chain.balance(OUTSIDE)
    quote = client.quote(cast.carol.id, stage.coin, 20 * COIN, OUTSIDE)
    asked = client.withdraw(cast.carol.id, stage.coin, 20 * COIN, OUTSIDE)
    paid = confirmed(client.settled(asked.id, WAIT_S))
    holds(stage.chain.balance(OUTSIDE) - before == 20 * COIN, "20 MNT arrived")
    tell(
        f"Paid 20 MNT: hot and cool signed, the wallet itself paid {paid.fee_paid} pip, tx {paid.transaction}"
    )
    holds(paid.fee_paid == quote.fee_expected, "the fee was the one quoted")


def transfer(stage: MinterScene, cast: Cast, tell: Tell) -> None:
    client = stage.client
    confirmed(client.settled(client.transfer(cast.carol.id, cast.dave.id, stage.coin, 30 * COIN).id, WAIT_S))
    until_available(stage.client, cast.dave, stage.coin, 130 * COIN)
    tell("Carol to Dave, 30 MNT: a transaction from one wallet to the other, credited like any deposit.")


def pay_many(stage: MinterScene, cast: Cast, tell: Tell) -> None:
    client = stage.client
    payments = {"Mx" + 20 * name: COIN for name in ("b1", "b2", "b3")}
    before = {to: stage.chain.balance(to) for to in payments}
    asked = client.withdraw_to_many(cast.carol.id, stage.coin, payments)
    confirmed(client.settled(asked.id, WAIT_S))
    holds(all(stage.chain.balance(to) - before[to] == COIN for to in payments), "all three were paid")
    tell("Three recipients, 1 MNT each, in one transaction that both signers compared output by output.")


def ask_twice(stage: MinterScene, cast: Cast, tell: Tell) -> None:
    client, before, key = stage.client, stage.chain.balance(OUTSIDE), fresh_key()
    asked = [client.withdraw(cast.dave.id, stage.coin, 7 * COIN, OUTSIDE, key=key) for _ in range(2)]
    holds(asked[0].id == asked[1].id, "one idempotency key is one withdrawal")
    confirmed(client.settled(asked[0].id, WAIT_S))
    holds(stage.chain.balance(OUTSIDE) - before == 7 * COIN, "paid once")
    tell("One withdrawal of 7 MNT sent twice under one idempotency key: paid once.")


def kill_cooler(stage: MinterScene, cast: Cast, tell: Tell) -> None:
    client, before = stage.client, stage.chain.balance(OUTSIDE)
    doomed = stage.house.restart("cooler", FaultPoint.COOLER_REMEMBERED.value)
    stage.house.installation.wait_ready()
    asked = client.withdraw(cast.carol.id, stage.coin, 11 * COIN, OUTSIDE)
    holds(doomed.wait(WAIT_S) == -9, "Cooler was killed with -9")
    holds(stage.chain.balance(OUTSIDE) == before, "nothing was paid without Cooler")
    stage.house.restart("cooler")
    confirmed(client.settled(asked.id, WAIT_S))
    holds(stage.chain.balance(OUTSIDE) - before == 11 * COIN, "paid once")
    tell("Cooler is killed with -9 in the middle of a withdrawal and started again: 11 MNT, paid once.")


def _owners(stage: MinterScene, wallet: Wallet) -> set[str]:
    return set(stage.chain.multisig(wallet.address)[1])


def _lines(stage: MinterScene, cast: Cast) -> list[Line]:
    lines = []
    for who, wallet in (("Carol", cast.carol), ("Dave", cast.dave)):
        totals = {one.asset: int(one.total) for one in stage.client.read.balances(wallet.id)}
        lines.append(Line(who, "MNT", totals.get(stage.coin, 0), stage.chain.balance(wallet.address)))
    purse = stage.purse()
    on_chain = sum(stage.chain.balance(address) for address in purse.accounts)
    return [*lines, Line("Creators", "MNT", int(purse.booked), on_chain)]
