"""An agreed record as rows: its owner, its wallet, its pool, its own address watched.

Laws: all of one wallet in one database transaction; what is there already stays as it is, so that asking
twice adds nothing; what the books say of the wallet otherwise is a contradiction, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection

from keepcool.app.books import people, registry
from keepcool.app.books.registry import Asked, Stage, Stored
from keepcool.app.coins import watching
from keepcool.app.pools import rows as pools
from keepcool.app.pools.rows import Marks
from keepcool.app.rebuilding.agreeing import Agreed, Objection
from keepcool.app.spares import giving
from keepcool.chains.bitcoin.networks import Networks
from keepcool.chains.bitcoin.wallets import parse_profile
from keepcool.chains.evm.profiles import is_pool_profile
from keepcool.chains.family import FamilyName
from keepcool.core.errors import Conflict, KeepcoolError
from keepcool.core.ids import UserId
from keepcool.core.registry import WalletRecord


@dataclass(frozen=True, slots=True)
class Kept:
    """What this has added to the books; nothing where all was there."""

    users: int = 0
    wallets: int = 0
    pools: int = 0


Outcome: TypeAlias = Kept | Objection


def keep(tx: Connection, agreed: Agreed, networks: Networks, now_ms: int) -> Outcome:
    """Raises nothing that concerns this wallet alone."""
    record = agreed.record
    try:
        with tx.begin_nested():
            return _kept(tx, agreed, networks, now_ms)
    except KeepcoolError as error:
        return Objection(record.wallet, error.code, error.public)


def is_pool(record: WalletRecord) -> bool:
    if record.family == FamilyName.EVM.value:
        return is_pool_profile(record.profile)
    return record.family == FamilyName.BITCOIN.value and parse_profile(record.profile).pooled


def asked_of(record: WalletRecord) -> Asked:
    """The wallet as it was asked for, as far as signers were told."""
    asked = Asked(
        id=record.wallet,
        user=UserId(record.owner),
        network=record.network,
        profile=record.profile,
        external_id=None,
        metadata={},
        user_key=record.user_key,
        policy_class=record.policy_class,
    )
    if not giving.is_made_first(asked):
        return asked
    kind = record.profile.partition(":")[0]  # without what the address was made of
    return Asked(asked.id, asked.user, asked.network, kind, None, {}, asked.user_key, asked.policy_class)


def _kept(tx: Connection, agreed: Agreed, networks: Networks, now_ms: int) -> Kept:
    record, made_at_ms = agreed.record, agreed.record.made_at_s * 1000
    known = _known(tx, record)
    if known is not None and known.record is not None:
        _check_same(known, agreed)
    users = 0 if known is not None else _user(tx, UserId(record.owner), made_at_ms)
    if known is None:
        registry.ask(tx, asked_of(record), made_at_ms)
    else:
        _check_asked(known, record)
    if known is None or known.record is None:
        watching.watch_wallet(tx, record, networks)
        keeper, cooler = (agreed.attestations[name] for name in ("keeper", "cooler"))
        made = {"record": agreed.encoded, "keeper": keeper, "cooler": cooler}
        registry.store_record(tx, record.wallet, address=record.address, **made)
    if agreed.at_keeper and registry.get_wallet(tx, record.wallet).stage is not Stage.REGISTERED:
        registry.mark_registered(tx, [record.wallet], now_ms)
    new = known is None or known.record is None
    return Kept(users, int(new), _pool(tx, record, made_at_ms))


def _known(tx: Connection, record: WalletRecord) -> Stored | None:
    try:
        return registry.get_wallet(tx, record.wallet)
    except Conflict:
        return None


def _check_same(known: Stored, agreed: Agreed) -> None:
    same = dict(known.attestations) == {name: agreed.attestations[name] for name in ("keeper", "cooler")}
    if known.record != agreed.encoded or not same:
        text = f"the books have another record of {agreed.record.wallet} than the signers: it stays as it is"
        raise Conflict("restore.books_differ", text)


def _check_asked(known: Stored, record: WalletRecord) -> None:
    wanted, asked = asked_of(record), known.asked
    mine = (asked.user, asked.network, asked.profile, asked.user_key, asked.policy_class)
    if mine != (wanted.user, wanted.network, wanted.profile, wanted.user_key, wanted.policy_class):
        text = (
            f"the books say {record.wallet} is of another owner or kind than the signers: it stays as it is"
        )
        raise Conflict("restore.books_differ", text)


def _user(tx: Connection, owner: UserId, now_ms: int) -> int:
    try:
        people.get_user(tx, owner)
    except Conflict:
        people.create_user(tx, user=owner, external_id=None, about={}, now_ms=now_ms)
        return 1
    return 0


def _pool(tx: Connection, record: WalletRecord, now_ms: int) -> int:
    """A pool without marks: nothing is swept out of it until somebody sets them again."""
    if not is_pool(record) or pools.find_pool(tx, record.wallet) is not None:
        return 0
    pools.insert_pool(tx, record.wallet, record.network, Marks(), now_ms)
    return 1
