"""Whose a pool's addresses were, by the word of whoever runs the pool: no signer knows it.

Laws: only an address that both signers attested to a pool, that nobody has here and that no coin has come to
yet becomes somebody's; what contradicts the books is refused by itself; saying it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection, select

from keepcool.app.books import people, registry
from keepcool.app.books.registry import Asked
from keepcool.app.coins.tables import address as watched
from keepcool.app.coins.tables import coin
from keepcool.app.pools import rows
from keepcool.app.pools.rows import Given
from keepcool.app.pools.tables import attested_address
from keepcool.core import ids
from keepcool.core.addresses import RECEIVING
from keepcool.core.errors import Conflict, KeepcoolError, Malformed
from keepcool.core.ids import NetworkId, UserId, WalletId


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file: this address was given to this wallet of this user."""

    wallet: str
    user: str
    address: str


@dataclass(slots=True)
class Claimed:
    """`refused`: the address, and why."""

    given: int = 0
    refused: list[tuple[str, KeepcoolError]] = field(default_factory=list)

    def add(self, more: Claimed) -> None:
        self.given += more.given
        self.refused += more.refused


def parse(text: bytes) -> list[Word]:
    """JSON objects, one a line. Raises Malformed."""
    try:
        return [msgspec.json.decode(line, type=Word) for line in text.splitlines() if line.strip()]
    except msgspec.DecodeError as error:
        raise Malformed("restore.given", f"the file of given addresses: {error}") from error


def claim_all(tx: Connection, words: Sequence[Word], now_ms: int) -> Claimed:
    """In the order of the words: the first address of a wallet is the one it shows."""
    done, networks = Claimed(), {one.network for one in rows.pools(tx)}
    for word in words:
        try:
            with tx.begin_nested():
                done.given += _claim(tx, word, networks, now_ms)
        except KeepcoolError as error:
            done.refused.append((word.address, error))
    return done


def _claim(tx: Connection, word: Word, networks: Collection[NetworkId], now_ms: int) -> int:
    wallet, user = ids.wallet_id(word.wallet), UserId(word.user)
    there = [one for network in networks for one in rows.find_address(tx, network, word.address)]
    found = [one for one in there if rows.find_pool(tx, one.source)]
    if len(found) != 1:
        raise Conflict("restore.no_address", f"no pool here has an attested address {word.address[:128]}")
    given = found[0]
    if given.wallet == wallet:
        return 0
    if given.wallet is not None:
        raise Conflict("restore.given_twice", f"{word.address} is the wallet {given.wallet}'s")
    _refuse_used(tx, given)
    _member(tx, given, wallet, user, now_ms)
    here = (attested_address.c.source == given.source, attested_address.c.place == given.index)
    changed = {"wallet": wallet, "burnt": False, "given_at_ms": now_ms}
    tx.execute(attested_address.update().where(*here).values(**changed))
    lying = (watched.c.source == given.source, watched.c.change == RECEIVING, watched.c.leaf == given.index)
    tx.execute(watched.update().where(*lying, watched.c.cosigner == given.cosigner).values(wallet=wallet))
    return 1


def _refuse_used(tx: Connection, given: Given) -> None:
    lying = (coin.c.source == given.source, coin.c.change == RECEIVING, coin.c.leaf == given.index)
    mine = (watched.c.source == given.source, watched.c.change == RECEIVING, watched.c.leaf == given.index)
    coins, used = (select(coin.c.txid).where(*lying), select(watched.c.script).where(*mine, watched.c.used))
    if any(tx.execute(one.limit(1)).first() is not None for one in (coins, used)):
        text = (
            f"coins that came to {given.address} are booked as the pool's own already: transfer them, or say "
            "whose addresses are before the chain is read"
        )
        raise Conflict("restore.given_late", text)


def _member(tx: Connection, given: Given, wallet: WalletId, user: UserId, now_ms: int) -> None:
    """The wallet's row, with this address where it has none yet."""
    known = rows.find_member(tx, wallet)
    if known is None:
        pool = registry.get_wallet(tx, given.source).asked
        _user(tx, user, now_ms)
        registry.ask(tx, Asked(wallet, user, given.network, pool.profile, None, {}), now_ms)
        rows.add_member(tx, wallet, given.source)
    elif known.pool != given.source or registry.get_wallet(tx, wallet).asked.user != user:
        raise Conflict("restore.given_other", f"wallet {wallet} is of another user or pool")
    if known is None or known.index is None:
        rows.set_index(tx, wallet, given.index)
        registry.give_address(tx, wallet, given.address, now_ms)


def _user(tx: Connection, user: UserId, now_ms: int) -> None:
    try:
        people.get_user(tx, user)
    except Conflict:
        people.create_user(tx, user=user, external_id=None, about={}, now_ms=now_ms)
