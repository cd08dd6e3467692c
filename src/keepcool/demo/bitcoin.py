"""The story on Litecoin's regtest: users' wallets and a pool, coins in, coins out, a payment that is raised.

Law: each step checks on the chain what it tells; the first thing that is not so ends the story with an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.client.api import Wallet, awaited
from keepcool.client.models import Withdrawal
from keepcool.core.registry import WalletRecord
from keepcool.demo.closing import Line
from keepcool.demo.stage import BitcoinScene
from keepcool.demo.telling import WAIT_S, Tell, confirmed, holds, until_available

COIN = 10**8
_RANGE = 1_000  # addresses of each branch that the node looks for at the end


@dataclass(frozen=True, slots=True)
class Cast:
    """Two users with wallets of their own, two of a pool, and the pool's record."""

    erin: Wallet
    frank: Wallet
    grace: Wallet
    heidi: Wallet
    pool: str
    pool_record: WalletRecord


def play(stage: BitcoinScene, tell: Tell) -> Callable[[], list[Line]]:
    """All of it, in order; what the books and the chain say is asked for at the end. Raises Breach when
    something told is not so."""
    erin, frank = meet(stage, tell)
    deposit(stage, erin, frank, tell)
    withdraw(stage, erin, tell)
    transfer(stage, erin, frank, tell)
    raise_fee(stage, erin, tell)
    pool, grace, heidi = open_pool(stage, tell)
    cast = Cast(erin, frank, grace, heidi, pool, grace.record)
    share(stage, cast, tell)
    batch(stage, cast, tell)
    sweep(stage, cast, tell)
    return lambda: _lines(stage, cast)


def meet(stage: BitcoinScene, tell: Tell) -> tuple[Wallet, Wallet]:
    client = stage.client
    erin, frank = (
        client.make_wallet(client.make_user(name).id, stage.network, f"{name}-1", kind="segregated")
        for name in ("erin", "frank")
    )
    for name, wallet in (("Erin", erin), ("Frank", frank)):
        tell(f"{name}'s address {wallet.address}: attested by Keeper and Cooler, verified by the client.")
    return erin, frank


def deposit(stage: BitcoinScene, erin: Wallet, frank: Wallet, tell: Tell) -> None:
    for coins in (2, 1):
        stage.chain.pay(erin.address, coins * COIN)
    stage.chain.pay(frank.address, COIN)
    until_available(stage.client, erin, stage.coin, 3 * COIN)
    until_available(stage.client, frank, stage.coin, COIN)
    tell("Credited: coins of 2 and 1 LTC to Erin, 1 LTC to Frank, once a block had them.")


def withdraw(stage: BitcoinScene, erin: Wallet, tell: Tell) -> None:
    outside = stage.chain.new_address()
    asked = stage.client.withdraw(erin.id, stage.coin, COIN // 2, outside)
    paid = confirmed(stage.client.settled(asked.id, WAIT_S))
    holds(stage.chain.balance(outside) == COIN // 2, "0.5 LTC arrived")
    tell(f"Paid 0.5 LTC: hot and cool signed, Erin's wallet paid {paid.fee_paid} sat, tx {paid.transaction}")


def transfer(stage: BitcoinScene, erin: Wallet, frank: Wallet, tell: Tell) -> None:
    client = stage.client
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


def open_pool(stage: BitcoinScene, tell: Tell) -> tuple[str, Wallet, Wallet]:
    client = stage.client
    pool = client.pools.make(stage.network, "deposits", {}).wallet.id
    grace, heidi = (
        client.make_wallet(client.make_user(name).id, stage.network, f"{name}-1", kind="pooled", pool=pool)
        for name in ("grace", "heidi")
    )
    holds(grace.record == heidi.record and grace.address != heidi.address, "one record, two addresses")
    stage.chain.pay_many({grace.address: COIN, heidi.address: COIN})
    for wallet in (grace, heidi):
        until_available(client, wallet, stage.coin, COIN)
    tell("A pool: Grace and Heidi have addresses of one record, both proven to be its, and 1 LTC each.")
    return pool, grace, heidi


def share(stage: BitcoinScene, cast: Cast, tell: Tell) -> None:
    before = stage.chain.mempool()
    stage.client.transfer(cast.grace.id, cast.heidi.id, stage.coin, COIN // 4)
    until_available(stage.client, cast.heidi, stage.coin, COIN + COIN // 4)
    holds(stage.chain.mempool() <= before, "nothing was sent")
    tell("Grace to Heidi, 0.25 LTC: an entry in the ledger, at once, without transaction or fee.")


def batch(stage: BitcoinScene, cast: Cast, tell: Tell) -> None:
    client, payments = stage.client, [(cast.grace, COIN // 5), (cast.heidi, COIN // 2)]
    recipients = [stage.chain.new_address() for _ in payments]
    asked = [
        client.withdraw(wallet.id, stage.coin, units, to)
        for (wallet, units), to in zip(payments, recipients, strict=True)
    ]
    paid = [confirmed(client.settled(one.id, WAIT_S)) for one in asked]
    holds(len({one.transaction for one in paid}) == 1, "one transaction paid both")
    for (_, units), to in zip(payments, recipients, strict=True):
        holds(stage.chain.balance(to) == units, "each got what is his")
    fees = " and ".join(str(one.fee_paid) for one in paid)
    tell(f"Two withdrawals, one transaction, compared output by output by both signers; fees {fees} sat.")


def sweep(stage: BitcoinScene, cast: Cast, tell: Tell) -> None:
    client = stage.client
    client.pools.mark(
        cast.pool, {"high": str(COIN), "target": str(COIN // 2), "low": "0", "harbor": stage.harbor}
    )
    cold = awaited(
        lambda: stage.chain.balance(stage.harbor),
        lambda found: found > 0 and found == int(client.pools.show(cast.pool).cold),
        WAIT_S,
        "the surplus has not reached the harbor",
    )
    tell(
        f"Above its mark of 1 LTC the pool sweeps itself: {cold} sat to the harbor that both policies name, "
        "and nowhere else."
    )


def _one_of_several_waits(stage: BitcoinScene, asked: Withdrawal) -> None:
    """Until more than one was sent, and the node has one of them left."""

    def waiting() -> tuple[int, int]:
        sent = set(stage.client.withdrawal(asked.id).transactions)
        return len(sent), len(sent & stage.chain.mempool())

    awaited(waiting, lambda found: found[0] > 1 and found[1] == 1, WAIT_S, f"{asked.id} was not raised")


def _lines(stage: BitcoinScene, cast: Cast) -> list[Line]:
    """What the node itself finds under each wallet's descriptors, beside the books."""
    client, lines = stage.client, list[Line]()
    for who, wallet in (("Erin", cast.erin), ("Frank", cast.frank)):
        totals = {one.asset: int(one.total) for one in client.read.balances(wallet.id)}
        lines.append(Line(who, "LTC", totals.get(stage.coin, 0), _on_chain(stage, wallet.record)))
    pool = client.pools.show(cast.pool)
    return [
        *lines,
        Line("Pool", "LTC", int(pool.booked), _on_chain(stage, cast.pool_record)),
        Line("Harbor", "LTC", int(pool.cold), stage.chain.balance(stage.harbor)),
    ]


def _on_chain(stage: BitcoinScene, record: WalletRecord) -> int:
    return stage.found(_scanned(wallet_of(record).descriptors()))


def _scanned(descriptors: Sequence[str]) -> list[dict[str, object]]:
    """As `scantxoutset` takes them: one branch each, without the step that offers both."""
    bare = [one.partition("#")[0] for one in descriptors]
    return [{"desc": one.replace("<0;1>", change), "range": _RANGE} for one in bare for change in "01"]
