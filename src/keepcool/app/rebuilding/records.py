"""Agreed records as rows: owners, wallets, pools, their own addresses watched.

Laws: all of one wallet in one database transaction; what is there already stays as it is, so that asking
twice adds nothing; what the books say of the wallet otherwise is a contradiction, and changes nothing. What
the books know nothing of is added together; where one wallet of those cannot be, each is tried by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection

from keepcool.app.books import people, registry
from keepcool.app.books.registry import Asked, Made, Stage, Stored
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
from keepcool.core.ids import UserId, WalletId
from keepcool.core.registry import WalletRecord

_SIGNERS = ("keeper", "cooler")


@dataclass(frozen=True, slots=True)
class Kept:
    """What this has added to the books; nothing where all was there."""

    users: int = 0
    wallets: int = 0
    pools: int = 0


Outcome: TypeAlias = Kept | Objection


def keep_all(tx: Connection, some: Sequence[Agreed], networks: Networks, now_ms: int) -> list[Outcome]:
    """One outcome each, in order; no wallet stands there twice."""
    known = registry.get_wallets(tx, [one.record.wallet for one in some])
    fresh = _fresh(tx, some, known)
    try:
        with tx.begin_nested():
            done = _added(tx, fresh, networks, now_ms)
    except KeepcoolError:
        done = {}

    def outcome(one: Agreed) -> Outcome:
        wallet = one.record.wallet
        if wallet in known and _is_whole(known[wallet], one):
            return Kept()
        return done[wallet] if wallet in done else keep(tx, one, networks, now_ms)

    return [outcome(one) for one in some]


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


def _fresh(tx: Connection, some: Sequence[Agreed], known: Mapping[WalletId, Stored]) -> list[Agreed]:
    """Of which, and of whose address, the books know nothing."""
    places = Counter((one.record.network, one.record.address) for one in some)
    taken = registry.taken(tx, [address for _, address in places])

    def is_fresh(record: WalletRecord) -> bool:
        place = record.network, record.address
        return record.wallet not in known and places[place] == 1 and place not in taken

    return [one for one in some if is_fresh(one.record) and not is_pool(one.record)]


def _added(
    tx: Connection, fresh: Sequence[Agreed], networks: Networks, now_ms: int
) -> dict[WalletId, Outcome]:
    """Raises what keeps one of them out."""
    first = {UserId(one.record.owner): one.record for one in reversed(fresh)}
    new = people.add_users(tx, {user: record.made_at_s * 1000 for user, record in first.items()})
    watching.watch_wallets(tx, [one.record for one in fresh], networks)
    registry.add_attested(tx, [_made(one) for one in fresh])
    registry.mark_registered(tx, [one.record.wallet for one in fresh if one.at_keeper], now_ms)
    begun = {first[user].wallet for user in new}
    return {wallet: Kept(int(wallet in begun), 1) for wallet in (one.record.wallet for one in fresh)}


def _made(one: Agreed) -> Made:
    keeper, cooler = (one.attestations[name] for name in _SIGNERS)
    asked, at_ms = asked_of(one.record), one.record.made_at_s * 1000
    return Made(asked, at_ms, one.record.address, one.encoded, keeper, cooler)


def _is_whole(known: Stored, agreed: Agreed) -> bool:
    """Whether nothing is left to add or to refuse."""
    if known.record != agreed.encoded or not _is_attested(known, agreed) or is_pool(agreed.record):
        return False
    registered = known.stage is Stage.REGISTERED or not agreed.at_keeper
    return registered and _is_asked(known, agreed.record)


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
        keeper, cooler = (agreed.attestations[name] for name in _SIGNERS)
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
    if known.record != agreed.encoded or not _is_attested(known, agreed):
        text = f"the books have another record of {agreed.record.wallet} than the signers: it stays as it is"
        raise Conflict("restore.books_differ", text)


def _is_attested(known: Stored, agreed: Agreed) -> bool:
    return dict(known.attestations) == {name: agreed.attestations[name] for name in _SIGNERS}


def _check_asked(known: Stored, record: WalletRecord) -> None:
    if not _is_asked(known, record):
        text = (
            f"the books say {record.wallet} is of another owner or kind than the signers: it stays as it is"
        )
        raise Conflict("restore.books_differ", text)


def _is_asked(known: Stored, record: WalletRecord) -> bool:
    mine, theirs = (
        (one.user, one.network, one.profile, one.user_key, one.policy_class)
        for one in (known.asked, asked_of(record))
    )
    return mine == theirs


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
