"""The story on an EVM chain: two users, coins in, coins out, what is refused, a signer killed in the middle.

Law: each step checks on the chain what it tells; the first thing that is not so ends the story with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keepcool.client.api import Wallet
from keepcool.client.http import fresh_key
from keepcool.core.faults import FaultPoint
from keepcool.demo import evm_pool
from keepcool.demo.closing import Line
from keepcool.demo.stage import EvmScene
from keepcool.demo.telling import WAIT_S, Tell, confirmed, holds, until_available

COIN = 10**18


@dataclass(frozen=True, slots=True)
class Cast:
    """The two users' wallets and somebody outside."""

    alice: Wallet
    bob: Wallet
    outside: str


def play(stage: EvmScene, tell: Tell) -> Callable[[], list[Line]]:
    """All of it, in order; what the books and the chain say is asked for at the end. Raises Breach when
    something told is not so."""
    fill_purse(stage, tell)
    cast = meet(stage, tell)
    deposit(stage, cast, tell)
    withdraw(stage, cast, tell)
    transfer(stage, cast, tell)
    together(stage, cast, tell)
    ask_twice(stage, cast, tell)
    ask_too_much(stage, cast, tell)
    kill_keeper(stage, cast, tell)
    pooled = evm_pool.play(stage, tell)
    return lambda: [*_lines(stage, cast), *pooled()]


def fill_purse(stage: EvmScene, tell: Tell) -> None:
    purse = stage.purse()
    stage.chain.fund(purse.address, 2 * COIN)
    tell(f"The purse {purse.address} (Keeper's, for network fees) gets 2 ETH from outside.")


def meet(stage: EvmScene, tell: Tell) -> Cast:
    client = stage.client
    alice, bob = (
        client.make_wallet(client.make_user(name).id, stage.network, f"{name}-1") for name in ("alice", "bob")
    )
    for name, wallet in (("Alice", alice), ("Bob", bob)):
        tell(f"{name}'s address {wallet.address}: attested by Keeper and Cooler, verified by the client.")
        holds(not stage.chain.has_code(wallet.address), "a new wallet is not deployed yet")
    return Cast(alice, bob, stage.chain.accounts()[5])


def deposit(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    stage.chain.fund(cast.alice.address, 3 * COIN)
    stage.chain.fund_token(stage.token, cast.alice.address, 500 * COIN)
    stage.chain.fund(cast.bob.address, 1 * COIN)
    tell("Sent to addresses where no contract stands yet: 3 ETH and 500 USDX to Alice, 1 ETH to Bob.")
    until_available(stage.client, cast.alice, stage.eth, 3 * COIN)
    until_available(stage.client, cast.alice, stage.usd, 500 * COIN)
    until_available(stage.client, cast.bob, stage.eth, 1 * COIN)
    tell("Credited, once the blocks were final.")


def withdraw(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    client, outside = stage.client, cast.outside
    quote = client.quote(cast.alice.id, stage.eth, COIN // 2, outside)
    tell(f"A withdrawal of 0.5 ETH would cost the purse about {quote.fee_expected} wei.")
    for asset, token, units, words in (
        (stage.eth, None, COIN // 2, "0.5 ETH"),
        (stage.usd, stage.token, 120 * COIN, "120 USDX"),
    ):
        before = stage.chain.balance(outside, token)
        paid = confirmed(client.settled(client.withdraw(cast.alice.id, asset, units, outside).id, WAIT_S))
        holds(stage.chain.balance(outside, token) - before == units, f"{words} arrived")
        tell(f"Paid {words}: hot and cool signed, the purse paid {paid.fee_paid} wei, tx {paid.transaction}")


def transfer(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    client = stage.client
    confirmed(client.settled(client.transfer(cast.alice.id, cast.bob.id, stage.usd, 30 * COIN).id, WAIT_S))
    until_available(stage.client, cast.bob, stage.usd, 30 * COIN)
    tell("Alice to Bob, 30 USDX: a transaction from one wallet to the other, credited like any deposit.")


def together(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    client, to = stage.client, stage.chain.accounts()[6:9]
    before = [stage.chain.balance(one, stage.token) for one in to]
    asked = [client.withdraw(cast.alice.id, stage.usd, 5 * COIN, one).id for one in (cast.outside, *to)]
    paid = [confirmed(client.settled(one, WAIT_S)) for one in asked]
    after = [stage.chain.balance(one, stage.token) for one in to]
    holds(after == [units + 5 * COIN for units in before], "each was paid once")
    ids = {one.transaction for one in paid}
    holds(len(ids) < len(paid), "withdrawals that waited for one wallet shared a transaction")
    fees = sum(int(one.fee_paid or 0) for one in paid)
    tell(f"Four withdrawals of one wallet, {len(ids)} transactions: what waits is paid together, {fees} wei.")


def ask_twice(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    client, before, key = stage.client, stage.chain.balance(cast.outside), fresh_key()
    asked = [client.withdraw(cast.bob.id, stage.eth, COIN // 10, cast.outside, key=key) for _ in range(2)]
    holds(asked[0].id == asked[1].id, "one idempotency key is one withdrawal")
    confirmed(client.settled(asked[0].id, WAIT_S))
    holds(stage.chain.balance(cast.outside) - before == COIN // 10, "paid once")
    tell("One withdrawal of 0.1 ETH sent twice under one idempotency key: paid once.")


def ask_too_much(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    client, before = stage.client, stage.chain.balance(cast.outside)
    refused = client.settled(client.withdraw(cast.alice.id, stage.eth, 2 * COIN, cast.outside).id, WAIT_S)
    holds(refused.state == "refused", f"refused, not {refused.state}")
    said = {one.signer: one for one in refused.verdicts if one.outcome == "denied"}
    holds({"keeper", "cooler"} <= set(said), "both signers refused by themselves")
    for signer in ("keeper", "cooler"):
        tell(f"2 ETH at once: {signer} refuses ({said[signer].rule}): {said[signer].reason}")
    holds(stage.chain.balance(cast.outside) == before, "nothing was paid")
    until_available(stage.client, cast.alice, stage.eth, 5 * COIN // 2)


def kill_keeper(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    client, before = stage.client, stage.chain.balance(cast.outside)
    doomed = stage.house.restart("keeper", FaultPoint.KEEPER_REMEMBERED.value)
    stage.house.installation.wait_ready()
    asked = client.withdraw(cast.alice.id, stage.eth, COIN // 4, cast.outside)
    status = doomed.wait(WAIT_S)
    holds(status == -9, "Keeper was killed with -9")
    tell("Keeper is killed with -9 in the middle of a withdrawal: remembered, not yet signed.")
    holds(stage.chain.balance(cast.outside) == before, "nothing was paid without Keeper")
    stage.house.restart("keeper")
    confirmed(client.settled(asked.id, WAIT_S))
    holds(stage.chain.balance(cast.outside) - before == COIN // 4, "paid once")
    tell("Keeper is started again, finds its memory, signs the same bytes: 0.25 ETH, paid once.")


def _lines(stage: EvmScene, cast: Cast) -> list[Line]:
    lines = []
    for who, wallet in (("Alice", cast.alice), ("Bob", cast.bob)):
        totals = {one.asset: int(one.total) for one in stage.client.read.balances(wallet.id)}
        for symbol, asset, token in (("ETH", stage.eth, None), ("USDX", stage.usd, stage.token)):
            lines.append(Line(who, symbol, totals.get(asset, 0), stage.chain.balance(wallet.address, token)))
    purse = stage.purse()
    return [*lines, Line("Purse", "ETH", int(purse.booked), stage.chain.balance(purse.address))]
