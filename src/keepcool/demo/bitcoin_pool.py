"""The story of a pool: many users' coins under one key that is locked, paid together, surplus in the harbor.

Law: each step checks on the chain what it tells; the first thing that is not so ends the story with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keepcool.client.api import Wallet, awaited
from keepcool.core.parties import Service
from keepcool.demo.closing import Line
from keepcool.demo.stage import BitcoinScene
from keepcool.demo.telling import WAIT_S, Tell, confirmed, holds, until_available
from keepcool.local import commands

COIN = 10**8
_PASSPHRASE = "six words of this demo alone"  # noqa: S105 - it guards coins that are worth nothing


@dataclass(frozen=True, slots=True)
class Cast:
    """Two users of the pool, and the pool's id."""

    grace: Wallet
    heidi: Wallet
    pool: str


def play(stage: BitcoinScene, tell: Tell) -> Callable[[], list[Line]]:
    """As `bitcoin.play`, of which it is the second half."""
    lock(stage, tell)
    cast = open_pool(stage, tell)
    share(stage, cast, tell)
    batch(stage, cast, tell)
    wait_for_operator(stage, cast, tell)
    sweep(stage, cast, tell)
    return lambda: _lines(stage, cast)


def lock(stage: BitcoinScene, tell: Tell) -> None:
    places = stage.house.installation.places
    _keeper(stage, "set-passphrase")
    with places.config(Service.KEEPER).open("a", encoding="utf-8") as config:
        config.write(f'\n[bitcoin."{stage.network}"]\nlock_pools = true\n')
    stage.house.restart("keeper")
    stage.house.installation.wait_ready()
    _keeper(stage, "unlock", "--for", "1h")
    tell("Keeper gets a lock on pools, its passphrase kept on no machine; an operator opens it for an hour.")


def open_pool(stage: BitcoinScene, tell: Tell) -> Cast:
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
    return Cast(grace, heidi, pool)


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


def wait_for_operator(stage: BitcoinScene, cast: Cast, tell: Tell) -> None:
    client, outside = stage.client, stage.chain.new_address()
    _keeper(stage, "lock")
    asked = client.withdraw(cast.heidi.id, stage.coin, COIN // 10, outside)
    awaited(
        lambda: client.withdrawal(asked.id).reason,
        lambda reason: "signing window" in reason,
        WAIT_S,
        f"{asked.id} does not wait for Keeper",
    )
    holds(stage.chain.balance(outside) == 0, "nothing was paid while Keeper is locked")
    _keeper(stage, "unlock", "--for", "1h")
    confirmed(client.settled(asked.id, 2 * WAIT_S))
    holds(stage.chain.balance(outside) == COIN // 10, "0.1 LTC arrived")
    tell("Locked again, a withdrawal waits and says for what; an operator opens the lock, and it is paid.")


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


def _keeper(stage: BitcoinScene, *words: str) -> None:
    """An operator at Keeper's host."""
    config = str(stage.house.installation.places.config(Service.KEEPER))
    commands.told("keeper", words[0], "--config", config, *words[1:], given=_PASSPHRASE)


def _lines(stage: BitcoinScene, cast: Cast) -> list[Line]:
    pool = stage.client.pools.show(cast.pool)
    return [
        Line("Pool", "LTC", int(pool.booked), stage.found(cast.grace.record)),
        Line("Harbor", "LTC", int(pool.cold), stage.chain.balance(stage.harbor)),
    ]
