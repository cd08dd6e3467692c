"""App's copy of the registry: wallets, their records' bytes and both attestations.

What is read here is only what the database says. Nobody is handed an address before `app.wallets` has
verified both attestations over it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    UniqueConstraint,
    func,
    select,
)

from keepcool.app.books.people import dump
from keepcool.app.events import telling
from keepcool.app.pools.tables import member
from keepcool.app.store import metadata
from keepcool.core.errors import Breach, Conflict
from keepcool.core.ids import NetworkId, UserId, WalletId

wallet = Table(
    "wallet",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("user", String(64), ForeignKey("user_.id"), nullable=False, index=True),
    Column("network", String(64), nullable=False, index=True),
    Column("profile", String(64), nullable=False),
    Column("user_key", String(200), nullable=False),
    Column("policy_class", String(64), nullable=False),
    Column("external_id", String(128), nullable=True, unique=True),
    Column("metadata", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("stage", String(16), nullable=False, index=True),
    Column("address", String(128), nullable=True),
    Column("record", LargeBinary, nullable=True),
    Column("keeper_attestation", LargeBinary, nullable=True),
    Column("cooler_attestation", LargeBinary, nullable=True),
    UniqueConstraint("network", "address"),
    sqlite_autoincrement=True,
)


class Stage(StrEnum):
    """ASKED: no record yet. ATTESTED: both attestations stored. REGISTERED: Keeper has them too."""

    ASKED = "asked"
    ATTESTED = "attested"
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True)
class Asked:
    """A wallet as it was asked for."""

    id: WalletId
    user: UserId
    network: NetworkId
    profile: str
    external_id: str | None
    metadata: Mapping[str, str]
    user_key: str = ""
    policy_class: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A wallet's row. `number` grows with every wallet made. Not verified."""

    number: int
    asked: Asked
    created_at_ms: int
    stage: Stage
    address: str | None
    record: bytes | None
    attestations: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Made:
    """A wallet whose record is whole when App first hears of it."""

    asked: Asked
    created_at_ms: int
    address: str
    record: bytes
    keeper: bytes
    cooler: bytes


def ask(tx: Connection, asked: Asked, now_ms: int) -> Stored:
    """Note that a wallet is wanted. The same external id asked for alike is the same wallet."""
    known = tx.execute(select(wallet).where(wallet.c.id == asked.id)).one_or_none()
    reused = ("idempotency.key_reused", "this Idempotency-Key asked for another wallet")
    if asked.external_id is not None:
        by_name = select(wallet).where(wallet.c.external_id == asked.external_id)
        named = tx.execute(by_name).one_or_none()
        if named is not None:
            known = named
            reused = ("wallet.external_id_used", f"external_id {asked.external_id} is another wallet's")
    if known is not None:
        stored = _stored(known)
        if stored.asked != replace(asked, id=stored.asked.id):
            raise Conflict(*reused)
        return stored
    tx.execute(wallet.insert().values(**_asked_row(asked, now_ms), stage=Stage.ASKED.value))
    return get_wallet(tx, asked.id)


def is_named(tx: Connection, external_id: str | None) -> bool:
    """Whether a wallet bears this external id already."""
    if external_id is None:
        return False
    return tx.execute(select(wallet.c.id).where(wallet.c.external_id == external_id)).first() is not None


def forget(tx: Connection, wallet_id: WalletId) -> None:
    """A wallet asked for that will never be: nothing was attested of it, so nobody has seen it."""
    tx.execute(wallet.delete().where(wallet.c.id == wallet_id, wallet.c.record.is_(None)))


def store_record(
    tx: Connection, wallet_id: WalletId, *, record: bytes, address: str, keeper: bytes, cooler: bytes
) -> None:
    """Keep a verified record. Raises Conflict when another record of this wallet is already kept, Breach
    when its address is another wallet's."""
    stored = get_wallet(tx, wallet_id)
    if stored.record is not None and stored.record != record:
        raise Conflict("wallet.record_differs", f"wallet {wallet_id} already has another record")
    taken = [other.asked.id for other in find_address(tx, stored.asked.network, address)]
    if any(other != wallet_id for other in taken):
        raise Breach("wallet.address_taken", f"the signers gave {wallet_id} the address of {taken[0]}")
    if stored.record is None:
        attestations = {"keeper_attestation": keeper, "cooler_attestation": cooler}
        row = {"record": record, "address": address, "stage": Stage.ATTESTED.value, **attestations}
        tx.execute(wallet.update().where(wallet.c.id == wallet_id).values(**row))


def next_revision(
    tx: Connection, wallet_id: WalletId, *, record: bytes, keeper: bytes, cooler: bytes, key: str
) -> None:
    """The verified record that follows, with another key of its owner. Addresses stay."""
    attestations = {"keeper_attestation": keeper, "cooler_attestation": cooler}
    row = {"record": record, "user_key": key, **attestations}
    tx.execute(wallet.update().where(wallet.c.id == wallet_id).values(**row))


def attested_anew(
    tx: Connection, wallet_id: WalletId, record: bytes, attestations: Mapping[str, bytes]
) -> None:
    """The same record under newer attestations, verified by the caller. Not of another revision."""
    made = {f"{signer}_attestation": attestations[signer] for signer in ("keeper", "cooler")}
    tx.execute(wallet.update().where(wallet.c.id == wallet_id, wallet.c.record == record).values(**made))


def give_address(tx: Connection, wallet_id: WalletId, address: str, at_ms: int) -> None:
    """A wallet of a pool has its address: nothing more has to be made for it."""
    row = {"address": address, "stage": Stage.REGISTERED.value}
    bare = wallet.update().where(wallet.c.id == wallet_id, wallet.c.record.is_(None))
    for given in tx.execute(bare.values(**row).returning(wallet)).all():
        telling.wallet(tx, _stored(given), at_ms)


def mark_registered(tx: Connection, wallet_ids: Sequence[WalletId], at_ms: int) -> None:
    kept = wallet.c.id.in_(wallet_ids) & wallet.c.record.is_not(None)
    fresh = wallet.update().where(kept, wallet.c.stage != Stage.REGISTERED.value)
    done = tx.execute(fresh.values(stage=Stage.REGISTERED.value).returning(wallet)).all()
    telling.wallets(tx, sorted(map(_stored, done), key=lambda one: one.number), at_ms)


def get_wallet(tx: Connection, wallet_id: str) -> Stored:
    """Raises Conflict `wallet.not_found`."""
    row = tx.execute(select(wallet).where(wallet.c.id == wallet_id)).one_or_none()
    if row is None:
        raise Conflict("wallet.not_found", f"there is no wallet {wallet_id[:64]}")
    return _stored(row)


def get_wallets(tx: Connection, wallet_ids: Sequence[WalletId]) -> dict[WalletId, Stored]:
    """Those of these that there are."""
    found = map(_stored, tx.execute(select(wallet).where(wallet.c.id.in_(wallet_ids))))
    return {one.asked.id: one for one in found}


def taken(tx: Connection, addresses: Sequence[str]) -> set[tuple[NetworkId, str]]:
    """Those of these addresses that are a wallet's, on whatever network."""
    query = select(wallet.c.network, wallet.c.address).where(wallet.c.address.in_(addresses))
    return {(NetworkId(network), address) for network, address in tx.execute(query)}


def add_attested(tx: Connection, made: Sequence[Made]) -> None:
    """Many at once, verified by the caller, of which none is here in any form."""
    if made:
        tx.execute(wallet.insert(), [_row(one) for one in made])


def find_address(tx: Connection, network: str | None, address: str) -> list[Stored]:
    query = select(wallet).where(wallet.c.address == address).order_by(wallet.c.number)
    if network is not None:
        query = query.where(wallet.c.network == network)
    return [_stored(row) for row in tx.execute(query)]


def list_wallets(
    tx: Connection,
    *,
    limit: int,
    after: int = 0,
    user: str | None = None,
    network: str | None = None,
    external_id: str | None = None,
) -> list[Stored]:
    """In the order of their making; `after` is the number of the last one seen."""
    query = select(wallet).where(wallet.c.number > after).order_by(wallet.c.number).limit(limit)
    wanted = {"user": user, "network": network, "external_id": external_id}
    for name, value in wanted.items():
        if value is not None:
            query = query.where(wallet.c[name] == value)
    return [_stored(row) for row in tx.execute(query)]


def unfinished(tx: Connection, *, limit: int, after: int = 0) -> list[Stored]:
    """Wallets whose issuing was interrupted. Those that wait for an address of a pool need no signer."""
    pooled = select(member.c.wallet).where(member.c.wallet == wallet.c.id).exists()
    query = select(wallet).where(wallet.c.stage != Stage.REGISTERED.value, wallet.c.number > after, ~pooled)
    return [_stored(row) for row in tx.execute(query.order_by(wallet.c.number).limit(limit))]


def count_by_stage(tx: Connection) -> dict[str, int]:
    rows = tx.execute(select(wallet.c.stage, func.count()).group_by(wallet.c.stage))
    return {str(stage): int(count) for stage, count in rows}


def _row(made: Made) -> dict[str, object]:
    return {
        **_asked_row(made.asked, made.created_at_ms),
        "stage": Stage.ATTESTED.value,
        "address": made.address,
        "record": made.record,
        "keeper_attestation": made.keeper,
        "cooler_attestation": made.cooler,
    }


def _asked_row(asked: Asked, now_ms: int) -> dict[str, object]:
    return {
        "id": asked.id,
        "user": asked.user,
        "network": asked.network,
        "profile": asked.profile,
        "user_key": asked.user_key,
        "policy_class": asked.policy_class,
        "external_id": asked.external_id,
        "metadata": dump(asked.metadata),
        "created_at_ms": now_ms,
    }


def _stored(row: Row[tuple[object, ...]]) -> Stored:
    asked = Asked(
        id=WalletId(row.id),
        user=UserId(row.user),
        network=NetworkId(row.network),
        profile=row.profile,
        external_id=row.external_id,
        metadata=json.loads(row.metadata),
        user_key=row.user_key,
        policy_class=row.policy_class,
    )
    made = {"keeper": row.keeper_attestation, "cooler": row.cooler_attestation}
    attestations = {name: bytes(one) for name, one in made.items() if one is not None}
    record = None if row.record is None else bytes(row.record)
    stage = Stage(row.stage)
    return Stored(row.number, asked, row.created_at_ms, stage, row.address, record, attestations)
